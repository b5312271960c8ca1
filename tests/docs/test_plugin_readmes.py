"""Can the YAML entry in each plugin's README be copied as it stands?"""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.loader import load_settings
from core.plugin_kinds import SETTINGS_KEYS
from plugins.framework.manifest import Manifest, discover
from plugins.framework.references import resolve, validate_options

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _entries() -> list[Any]:
    found = []
    for folder, manifest in discover():
        for block in BLOCK.findall((folder / "README.md").read_text(encoding="utf-8")):
            if "plugins" in yaml.safe_load(block):
                found += [pytest.param(folder, manifest, block, id=f"{manifest.kind}-{manifest.name}")]
    return found


def _resolved(value: Any) -> Any:
    if not str(value).startswith("setting://"):
        return value
    settings = load_settings(environ={"FOUNDRY__auth__jwt_secret_key": "k" * 32}).settings
    found = reduce(getattr, value.removeprefix("setting://").split("."), settings)
    return found.get_secret_value() if hasattr(found, "get_secret_value") else found


@pytest.mark.parametrize(("folder", "manifest", "block"), _entries())
def test_entry_in_the_readme_names_the_plugin_and_has_options_it_takes(
    folder: Path, manifest: Manifest, block: str
) -> None:
    written = yaml.safe_load(block)["plugins"]
    key = SETTINGS_KEYS[manifest.kind]
    assert written.keys() - {"vector_databases"} == {key}
    for entry in written[key]:
        assert entry["plugin"] == manifest.reference
        config = {key: _resolved(value) for key, value in entry.get("config", {}).items()}
        validate_options(resolve(manifest.reference), config, entry["name"])


def test_some_readmes_have_an_entry() -> None:
    assert len(_entries()) >= 8
