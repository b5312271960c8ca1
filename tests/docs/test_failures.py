"""Is every reason why a document is not read in the catalogue, and no other?"""

from __future__ import annotations

import re
from pathlib import Path

from core.security.content_type import FAILURE_CODES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("core", "plugins", "services", "chat_app")
_IN_CODE = re.compile(r"failure_code=\"([a-z_]+)\"|\"failure\": \[\"([a-z_]+)\"|self\._fail\(\s*lease,\s*\"([a-z_]+)\"")
_IN_CATALOGUE = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


def _raised() -> set[str]:
    found = set(FAILURE_CODES)
    for package in SOURCES:
        for path in (ROOT / package).rglob("*.py"):
            if "tests" not in path.parts:
                found |= {next(filter(None, match)) for match in _IN_CODE.findall(path.read_text(encoding="utf-8"))}
    return found


def test_the_catalogue_of_failures_is_complete_and_current() -> None:
    written = set(_IN_CATALOGUE.findall((ROOT / "docs" / "failures.md").read_text(encoding="utf-8")))
    assert written == _raised()
