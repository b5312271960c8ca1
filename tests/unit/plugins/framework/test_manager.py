"""Does a plugin that misbehaves stay its own problem?

The plugins under test are real modules, written into a folder that joins the package ``plugins`` for the test.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import plugins
from config.loader import load_settings
from config.models import KINDS, PluginEntry
from core.errors import ConfigurationError, ProviderUnavailableError
from core.telemetry import METRICS
from core.types import PluginStatus
from plugins.framework import installed, references
from plugins.framework.egress import models_leaving
from plugins.framework.manager import SCHEMA_FILE, PluginManager, schema_of, write_schemas
from plugins.framework.manifest import KINDS as MANIFEST_KINDS
from plugins.framework.manifest import Manifest, discover, read_manifest
from plugins.interfaces import PluginContext

SOURCE = """
import asyncio
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from core.types import Health, PluginStatus

class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int = Field(default=1, ge=1)
    api_key: SecretStr = SecretStr("")

class Good:
    Options = Options
    closed = []
    def __init__(self, options, context):
        self.options, self.context = options, context
    async def start(self): ...
    async def health_check(self):
        return Health(PluginStatus.HEALTHY)
    async def close(self):
        Good.closed.append(type(self).__name__)
    async def get(self, key): ...
    async def set(self, key, value, ttl_seconds): ...
    async def delete(self, key): ...
    async def exists(self, key): ...
    async def clear(self, pattern): ...

class BadConstructor(Good):
    def __init__(self, options, context):
        raise ValueError("no such moon")

class BadStart(Good):
    async def start(self):
        raise RuntimeError("the disk is full")

class Hangs(Good):
    async def health_check(self):
        await asyncio.Event().wait()

class Raises(Good):
    async def health_check(self):
        raise KeyError("oops")

class BadClose(Good):
    async def close(self):
        raise OSError("stuck")

class Late(Good):
    ready = False
    async def start(self):
        if not Late.ready:
            raise RuntimeError("not yet")

class NoPlugin:
    start = health_check = lambda self: None
    Options = Options
    def __init__(self, options, context): ...

class NoOptions: ...
"""


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "sample_plugin.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "needy_plugin.py").write_text("import a_library_nobody_has\n", encoding="utf-8")
    (tmp_path / "faulty_plugin.py").write_text("raise ZeroDivisionError\n", encoding="utf-8")
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    yield "plugins.sample_plugin"
    for name in ("sample_plugin", "needy_plugin", "faulty_plugin"):
        sys.modules.pop(f"plugins.{name}", None)
        vars(plugins).pop(name, None)


def _context(tmp_path: Path) -> PluginContext:
    return PluginContext(http=httpx.AsyncClient(), data_dir=tmp_path)


def _manager(tmp_path: Path, *entries: tuple[str, str, dict[str, Any]]) -> PluginManager:
    made = [PluginEntry(name=name, plugin=reference, config=config) for name, reference, config in entries]
    return PluginManager({"cache": made}, _context(tmp_path), health_timeout_s=0.2)


async def test_good_plugin_is_built_found_checked_and_closed(sample: str, tmp_path: Path) -> None:
    manager = _manager(tmp_path, ("good", f"{sample}:Good", {"size": 3}))
    assert await manager.build("cache") == manager.names("cache") == ("good",)
    built: Any = manager.get("cache", "good")
    assert built.options.size == 3
    assert [(s.name, s.status) for s in await manager.check()] == [("good", PluginStatus.HEALTHY)]
    await manager.close()
    await manager.close()
    assert type(built).closed == ["Good"]
    with pytest.raises(ProviderUnavailableError):
        manager.get("cache", "good")


@pytest.mark.parametrize(
    ("reference", "config", "reason"),
    [
        ("plugins.sample_plugin:BadConstructor", {}, "no such moon"),
        ("plugins.sample_plugin:BadStart", {}, "the disk is full"),
        ("plugins.sample_plugin:NoPlugin", {}, "start() must be `async def`"),
        ("plugins.sample_plugin:NoOptions", {}, "no plugin"),
        ("plugins.sample_plugin:Absent", {}, "Absent"),
        ("plugins.absent:Thing", {}, "no such module"),
        ("plugins.needy_plugin:Thing", {}, "a_library_nobody_has, which is not installed"),
        ("plugins.faulty_plugin:Thing", {}, "ZeroDivisionError"),
        ("os:system", {}, "allowed: module:Class under `plugins`"),
        ("pluginsevil.x:Thing", {}, "allowed: module:Class under `plugins`"),
        ("some-entry-point", {}, "knowledge_foundry.plugins"),
        ("plugins.sample_plugin:Good", {"size": 0}, "plugins.cache.bad.config.size: found 0; allowed: greater than"),
        (
            "plugins.sample_plugin:Good",
            {"sise": 1},
            "plugins.cache.bad.config.sise: found an unknown key; allowed: api_key",
        ),
        ("plugins.reranker.none:NoReranker", {}, "is a reranker, not a cache"),
    ],
)
async def test_broken_plugin_says_why_and_leaves_the_others_alone(
    sample: str, tmp_path: Path, reference: str, config: dict[str, Any], reason: str
) -> None:
    manager = _manager(tmp_path, ("bad", reference, config), ("good", f"{sample}:Good", {}))
    assert await manager.build("cache") == ("good",)
    bad, good = manager.states()
    assert (bad.status, good.status) == (PluginStatus.BROKEN, PluginStatus.HEALTHY)
    assert reason in bad.reason
    with pytest.raises(ProviderUnavailableError) as caught:
        manager.get("cache", "bad")
    assert reason in str(caught.value)
    await manager.close()


async def test_half_started_plugin_is_closed(sample: str, tmp_path: Path) -> None:
    manager = _manager(tmp_path, ("bad", f"{sample}:BadStart", {}))
    await manager.build("cache")
    assert sys.modules[sample].Good.closed == ["BadStart"]


async def test_secret_options_are_not_repeated_in_the_reason(sample: str, tmp_path: Path) -> None:
    manager = _manager(tmp_path, ("bad", f"{sample}:Good", {"api_key": {"nested": "sk-leak"}}))
    await manager.build("cache")
    assert "api_key" in manager.states()[0].reason
    assert "sk-leak" not in str(manager.states())


@pytest.mark.parametrize(("name", "reason"), [("Hangs", "longer than 0.2 s"), ("Raises", "oops")])
async def test_health_check_that_hangs_or_raises_marks_the_plugin(
    sample: str, tmp_path: Path, name: str, reason: str
) -> None:
    manager = _manager(tmp_path, ("bad", f"{sample}:{name}", {}), ("good", f"{sample}:Good", {}))
    await manager.build("cache")
    async with asyncio.timeout(2):
        states = await manager.check()
    assert [state.status for state in states] == [PluginStatus.BROKEN, PluginStatus.HEALTHY]
    read = METRICS.registry.get_sample_value
    assert [read("plugin_health", {"kind": "cache", "plugin": plugin}) for plugin in ("bad", "good")] == [0.0, 1.0]
    assert reason in states[0].reason
    await manager.close()


async def test_broken_plugin_can_be_built_again_once_its_cause_is_gone(sample: str, tmp_path: Path) -> None:
    manager = _manager(tmp_path, ("late", f"{sample}:Late", {}))
    assert await manager.build("cache") == ()
    sys.modules[sample].Late.ready = True
    assert await manager.build("cache") == ("late",)
    assert manager.states()[0].reason == ""


async def test_closing_goes_on_after_a_plugin_that_does_not_close(sample: str, tmp_path: Path) -> None:
    manager = _manager(tmp_path, ("good", f"{sample}:Good", {}), ("bad", f"{sample}:BadClose", {}))
    await manager.build("cache")
    await manager.close()
    assert sys.modules[sample].Good.closed == ["Good"]


async def test_disabled_entries_are_not_built(sample: str, tmp_path: Path) -> None:
    entry = PluginEntry(name="off", plugin=f"{sample}:Good", enabled=False)
    manager = PluginManager({"cache": [entry]}, _context(tmp_path))
    assert await manager.build("cache") == ()
    with pytest.raises(ProviderUnavailableError, match="not among the enabled"):
        manager.get("cache", "off")


async def test_later_kinds_can_be_given_what_was_built_before(sample: str, tmp_path: Path) -> None:
    manager, other = _manager(tmp_path, ("good", f"{sample}:Good", {})), _context(tmp_path / "other")
    await manager.build("cache", context=other)
    built: Any = manager.get("cache", "good")
    assert built.context is other


async def test_older_protocol_is_refused(sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"name": "x", "kind": "cache", "version": "1.0.0", "description": "An old one.", "local": True}
    old = Manifest.model_validate({**fields, "protocol": 99, "reference": f"{sample}:Good"})
    monkeypatch.setattr(installed, "_shipped", lambda: {old.reference: old})
    manager = _manager(tmp_path, ("old", old.reference, {}))
    await manager.build("cache")
    assert "protocol 99" in manager.states()[0].reason


def test_every_shipped_plugin_is_whole_and_its_schema_current() -> None:
    shipped = discover()
    assert len(shipped) >= 8
    for folder, manifest in shipped:
        assert references.resolve(manifest.reference).Options, manifest.name
        assert folder.name == manifest.name
        assert folder.parent.name == manifest.kind
        schema = folder / SCHEMA_FILE
        assert schema.exists(), f"{schema} is missing: run python -m plugins.framework.manager"
        assert schema.read_text(encoding="utf-8") == schema_of(manifest.reference), f"{schema} is old: run it again"
        assert (folder / "README.md").exists(), f"{folder} has no README.md"


def test_every_entry_of_the_shipped_settings_is_a_shipped_plugin_with_right_options() -> None:
    environ = {"OPENAI_API_KEY": "sk", "ANTHROPIC_API_KEY": "sk", "FOUNDRY__auth__jwt_secret_key": "k" * 32}
    settings = load_settings(environ=environ).settings
    shipped = {manifest.reference: manifest for _, manifest in discover()}
    entries = [(kind, entry) for kind in KINDS for entry in settings.plugins.of(kind)]
    assert {entry.plugin for _, entry in entries} == set(shipped)
    for kind, entry in entries:
        assert shipped[entry.plugin].kind == kind
        options = references.resolve(entry.plugin).Options
        # What is only listed lacks what nobody but its operator knows; what it does say must be right.
        assert set(entry.config) <= set(options.model_fields)
        if entry.enabled:
            references.validate_options(references.resolve(entry.plugin), entry.config, entry.name)
    enabled = {kind: [entry.name for entry in settings.plugins.of(kind) if entry.enabled] for kind in KINDS}
    # Logins, stores and models of others need an operator's word first.
    assert enabled == {
        "llm": ["openai", "anthropic", "extractive"],
        "vector_db": ["pgvector"],
        "embedding": ["onnx"],
        "parser": ["ocr", "pdf", "unstructured", "text"],
        "reranker": ["none"],
        "auth": ["jwt"],
        "rate_limiter": ["redis", "memory"],
        "cache": ["redis", "memory"],
        "notifier": [],
    }


def test_kinds_of_settings_and_manifests_are_the_same() -> None:
    assert set(KINDS) == set(MANIFEST_KINDS)


def test_schemas_are_written_for_every_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, manifest = next(item for item in discover() if item[1].kind == "reranker")
    monkeypatch.setattr("plugins.framework.manager.discover", lambda: [(tmp_path, manifest)])
    (path,) = write_schemas()
    assert path.read_text(encoding="utf-8") == (folder / SCHEMA_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["name: [", "name: x", "\xff"])
def test_manifest_that_is_wrong_says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"plugin\.yaml"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("kind", "reference", "config", "expected"),
    [
        ("llm", "plugins.llm.openai:OpenAIProvider", {}, [("it", "api.openai.com")]),
        ("llm", "plugins.llm.openai:OpenAIProvider", {"base_url": "http://gpu.corp:8000/v1"}, [("it", "gpu.corp")]),
        ("llm", "plugins.llm.openai:OpenAIProvider", {"base_url": "http://127.0.0.1:1/v1"}, []),
        ("llm", "plugins.llm.openai:OpenAIProvider", {"base_url": "http://[::1]:1/v1"}, []),
        ("llm", "plugins.llm.openai:OpenAIProvider", {"base_url": "http://localhost:1/v1"}, []),
        ("embedding", "plugins.foreign:Thing", {"host": "vectors.example:1"}, [("it", "vectors.example")]),
        ("llm", "plugins.foreign:Thing", {}, [("it", "an address unknown to us")]),
        ("reranker", "plugins.reranker.none:NoReranker", {}, []),
        ("reranker", "plugins.reranker.cross_encoder:CrossEncoderReranker", {"model": "folder"}, []),
        (
            "reranker",
            "plugins.reranker.http:HttpReranker",
            {"url": "https://rerank.example/"},
            [("it", "rerank.example")],
        ),
        ("llm", "plugins.llm.ollama:OllamaProvider", {}, []),
        ("llm", "plugins.llm.ollama:OllamaProvider", {"host": "http://gpu.corp:11434"}, [("it", "gpu.corp")]),
        (
            "llm",
            "plugins.llm.azure:AzureProvider",
            {"endpoint": "https://d.openai.azure.com"},
            [("it", "d.openai.azure.com")],
        ),
        ("llm", "plugins.llm.langchain:LangChainProvider", {}, [("it", "an address unknown to us")]),
        ("cache", "plugins.foreign:Thing", {}, []),
    ],
)
def test_it_is_known_where_passages_go(
    kind: str, reference: str, config: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    entries = {kind: [PluginEntry(name="it", plugin=reference, config=config)]}
    assert models_leaving(entries) == expected
    off = {kind: [PluginEntry(name="it", plugin=reference, config=config, enabled=False)]}
    assert models_leaving(off) == []
