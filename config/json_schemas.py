"""How do editors and pages learn what the settings may be?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from config.infrastructure import DatabaseSettings
from config.models import PluginEntry, PluginSettings, Settings
from config.reading.celery import Celery

FOLDER = Path(__file__).parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}
_NUMBERS = ("integer", "number", "boolean")
_ENTRY = {"$ref": "#/$defs/PluginEntry"}


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON schema of the database, llm and plugin settings, and of all together."""
    llm = TypeAdapter(tuple[PluginEntry, ...]).json_schema()
    settings = Settings.model_json_schema()
    settings["properties"]["celery"] = Celery.model_json_schema()
    return {
        "database.schema.json": _titled(DatabaseSettings.model_json_schema(), "database"),
        "llm.schema.json": _titled(llm, "plugins.llm_providers"),
        "plugins.schema.json": _titled(PluginSettings.model_json_schema(), "plugins"),
        "settings.schema.json": _titled(settings, "settings"),
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
    return {**_as_written(schema), "$schema": _DIALECT, "title": title}


def _as_written(node: Any) -> Any:
    """What may stand in a file, which is more than what the models hold once it was read."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _as_written(item) for key, item in node.items()}
    if found.get("title") == "PluginEntry":
        # A key or the folder of the plugin names it, and a layer above may change one option alone.
        return {key: item for key, item in found.items() if key != "required"}
    if found.get("items") == _ENTRY:
        # A list, or a mapping by name.
        return _either(found, {"type": "object", "additionalProperties": _ENTRY})
    if found.get("title") == "VectorDatabases":
        properties = {name: _either(role, _ENTRY) for name, role in found["properties"].items()}
        return {**found, "properties": properties}
    if found.get("type") in _NUMBERS or isinstance(found.get("enum"), list) or isinstance(found.get("pattern"), str):
        return _either(found, _REFERENCE)
    return found


def _either(schema: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both ways of writing one thing; what describes it stays beside them."""
    told: dict[str, Any] = {key: schema[key] for key in ("default", "description", "title") if key in schema}
    return {**told, "anyOf": [{key: item for key, item in schema.items() if key not in told}, dict(other)]}
