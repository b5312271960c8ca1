"""How does a test install a plugin of another package without touching the environment?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from plugins.framework import installed

HEAD = """
from __future__ import annotations
import asyncio
from pydantic import BaseModel, ConfigDict
from core.types import Health, PluginStatus

class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    url: str = ""

class Base:
    Options = Options
    def __init__(self, options, context):
        self.options, self.context = options, context
    async def start(self): ...
    async def close(self): ...
    async def health_check(self):
        return Health(PluginStatus.HEALTHY)
    async def get(self, key): ...
    async def set(self, key, value, ttl_seconds): ...
    async def delete(self, key): ...
    async def exists(self, key): ...
    async def clear(self, pattern): ...
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, **manifest: str) -> str:
    """Put a package with one cache plugin ``Thing`` on the path of this process and its children; its name."""
    name = "stranger"
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(HEAD + body, encoding="utf-8")
    fields = {
        "name": name, "kind": "cache", "version": "0.1.0", "protocol": "1", "reference": f"{name}:Thing",
        "description": "A plugin of a test.", "modules": "[]", "hosts": "[]", "local": "true", **manifest,
    }  # fmt: skip
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    (package / "plugin.yaml").write_text(text, encoding="utf-8")
    info = folder / f"{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{installed.GROUP}]\n{name} = {name}:Thing\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    forget()
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def forget() -> None:
    """What is installed is looked up once for a process."""
    for cached in (installed._points, installed._others):
        cached.cache_clear()
