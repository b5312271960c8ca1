"""How do editors and pages learn what the settings may be?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from config.infrastructure import DatabaseSettings
from config.models import PluginEntry, PluginSettings, Settings

FOLDER = Path(__file__).parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON schema of the database, llm and plugin settings, and of all together."""
    llm = TypeAdapter(tuple[PluginEntry, ...]).json_schema()
    return {
        "database.schema.json": _titled(DatabaseSettings.model_json_schema(), "database"),
        "llm.schema.json": _titled(llm, "plugins.llm_providers"),
        "plugins.schema.json": _titled(PluginSettings.model_json_schema(), "plugins"),
        "settings.schema.json": _titled(Settings.model_json_schema(), "settings"),
    }


def render(schema: Mapping[str, Any]) -> str:
    """The schema as it is written to a file."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n"


def write_schemas(folder: Path = FOLDER) -> list[Path]:
    """Write all schemas; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, schema in schemas().items():
        path = folder / name
        path.write_text(render(schema), encoding="utf-8")
        paths.append(path)
    return paths


def _titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    return {**schema, "$schema": _DIALECT, "title": title}
