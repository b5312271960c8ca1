"""Is a setting that nothing obeys yet shown nowhere, and named to whoever sets it?"""

from __future__ import annotations

from typing import Any

import pytest
import typer.testing

from config.generate import PAGE
from config.later import later_keys, not_in_effect, notice
from config.reference import all_keys
from config.show import effective
from services.commands.config import app
from tests.unit.config.conftest import Load

VALUES = [key for key, _ in all_keys() if key in later_keys()]
OTHER: dict[type, Any] = {bool: lambda value: not value, int: lambda value: value + 1, float: lambda value: value - 0.1}
TRACING = {
    f"FOUNDRY__observability__tracing__{key}": value
    for key, value in {"enabled": "true", "host": "http://t", "public_key": "pk", "secret_key": "sk"}.items()
}


def _other(key: str) -> dict[str, str]:
    """The environment that sets a key to another value than its default, with what must stand beside it."""
    default = dict(all_keys())[key].default
    change = OTHER.get(type(default))
    environ = TRACING if key.startswith("observability.tracing.") else {}
    name = f"FOUNDRY__{key.replace('.', '__')}"
    return {**environ, name: str(change(default) if change else environ.get(name, default))}


def test_they_are_those_of_parts_that_are_not_built() -> None:
    assert {key.rpartition(".")[0] for key in VALUES} == {
        "caching",
        "observability.tracing",
        "feature_flags",
    }


@pytest.mark.parametrize("key", VALUES)
def test_whoever_sets_one_is_told_in_one_line(load: Load, key: str) -> None:
    loaded = load(environ=_other(key))
    assert key in not_in_effect(loaded)
    assert notice(loaded).startswith("Not in effect yet: ")
    assert "\n" not in notice(loaded)
    assert key in notice(loaded)


@pytest.mark.parametrize("key", VALUES)
def test_none_is_shown_as_if_it_were_in_force(load: Load, key: str) -> None:
    assert key not in {row[0] for row in effective(load(environ=_other(key)))}
    page = PAGE.read_text(encoding="utf-8")
    assert f"| `{key}` |" not in page
    assert page.count(f"`{key}`") == 1


def test_whoever_sets_none_is_told_nothing(load: Load) -> None:
    assert notice(load("feature_flags: {voice_input: false}\ndatabase: {port: 1}")) == ""


def test_a_default_that_is_written_down_counts_as_set_unless_it_is_off(load: Load) -> None:
    loaded = load("caching: {enabled: true}\nobservability: {tracing: {enabled: false}}")
    assert not_in_effect(loaded) == ("caching.enabled",)


def test_the_command_that_shows_settings_tells_it_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOUNDRY__feature_flags__voice_input", "true")
    shown = typer.testing.CliRunner().invoke(app, ["feature_flags"])
    assert "feature_flags.hybrid_search" in shown.stdout
    assert "voice_input" not in shown.stdout
    assert "Not in effect yet: feature_flags.voice_input" in shown.stderr
