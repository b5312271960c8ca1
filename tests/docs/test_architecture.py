"""Is every file that the guides name where they say, and is the picture of rooms the one that is checked?"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS_OF = [
    *("", "chat_app", "chat_app/gateway", "plugins", "plugins/llm", "plugins/parser"),
    *("graph", "db", "core", "config", "admin_app"),
]
GUIDES = ("docs/architecture.md", "CONTRIBUTING.md")
_NAMED = re.compile(r"`((?:[\w.]+/)+[\w.]*)`")
_MEMBER = re.compile(r"`(\w+)` (?:of|in) `((?:\w+/)+\w+\.py)`")


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_that_a_guide_names_exists(guide: str) -> None:
    named = set(_NAMED.findall((ROOT / guide).read_text("utf-8")))
    assert len(named) > 5
    assert {path for path in named if not _exists(path)} == set()


def _exists(path: str) -> bool:
    # Rooms of a package are named as they are called in its row of the table.
    return any((ROOT / package / path).exists() for package in ROOMS_OF) or "KIND" in path


@pytest.mark.parametrize("guide", GUIDES)
def test_every_function_that_a_guide_names_is_in_its_file(guide: str) -> None:
    members = _MEMBER.findall((ROOT / guide).read_text("utf-8"))
    assert members
    absent = {
        (name, path)
        for name, path in members
        if not re.search(rf"(def|class) {name}\b", (ROOT / path).read_text("utf-8"))
    }
    assert absent == set()


def test_the_picture_of_rooms_is_the_contract() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", "utf-8")
    layers = contracts["importlinter:contract:rooms-of-services"]["layers"].strip().splitlines()
    kept = [sorted(re.split(r"\s*\|\s*", layer.strip())) for layer in layers]
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    picture = text.split("## The rooms of `services`")[1].split("```text\n")[1].split("```")[0]
    assert [sorted(line.split()) for line in picture.strip().splitlines()] == kept
