"""Who is asked, and in which order?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ProviderError, ProviderNotAllowedError
from core.types import Clearance
from plugins.framework.egress import is_local
from plugins.framework.manifest import Entry
from plugins.interfaces import PluginContext
from plugins.llm.openai import OpenAIProvider
from plugins.llm.routing.routes import Load, Route, targets

ANYBODY = Clearance()


def provider(*models: str) -> OpenAIProvider:
    """One that was never started; it still lists its models."""
    options = OpenAIProvider.Options(base_url="http://127.0.0.1:9/v1", default_model=models[0], models=models[1:])
    return OpenAIProvider(options, PluginContext(http=httpx.AsyncClient(), data_dir=Path()))


OPENAI = Route("openai", provider("gpt-4o", "gpt-4o-mini"), priority=10, models=("gpt-*",))
AZURE = Route("azure", provider("gpt-4o"), priority=20, models=("gpt-*",))
CLAUDE = Route("claude", provider("claude-opus"), priority=5, fallback_for=("openai",))
HOUSE = Route("house", provider("qwen", "llama"), priority=30, local=True)
SPARE = Route("spare", provider("phi"), priority=1, fallback_for=("claude",), local=True)


def names(routes: list[Route], asked: str, clearance: Clearance = ANYBODY) -> list[tuple[str, str]]:
    return [(target.route.name, target.model) for target in targets(routes, asked, clearance)]


def test_those_that_take_the_model_come_first_by_priority_then_those_that_stand_in() -> None:
    everybody = [HOUSE, SPARE, CLAUDE, AZURE, OPENAI]
    assert names(everybody, "gpt-4o-mini") == [
        ("openai", "gpt-4o-mini"), ("azure", "gpt-4o-mini"), ("claude", "claude-opus"), ("spare", "phi"),
    ]  # fmt: skip


def test_without_globs_an_entry_takes_what_it_lists() -> None:
    assert names([OPENAI, HOUSE], "llama") == [("house", "llama")]


def test_without_a_model_everybody_but_those_that_stand_in_answers_with_its_own() -> None:
    assert names([OPENAI, HOUSE, CLAUDE], "") == [("openai", "gpt-4o"), ("house", "qwen"), ("claude", "claude-opus")]


def test_entries_that_only_stand_in_for_each_other_are_all_asked() -> None:
    one = Route("one", provider("a"), fallback_for=("two",))
    two = Route("two", provider("b"), fallback_for=("one",))
    assert names([one, two], "") == [("one", "a"), ("two", "b")]


def test_a_model_nobody_takes_is_an_error_that_says_where_to_name_it() -> None:
    with pytest.raises(ProviderError, match=r"unheard-of.*routing\.models"):
        names([OPENAI, HOUSE], "unheard-of")


def test_confidential_text_goes_to_local_entries_only() -> None:
    assert names([OPENAI, HOUSE, SPARE], "", Clearance(local_only=True)) == [("house", "qwen")]
    with pytest.raises(ProviderNotAllowedError, match="confidential") as refused:
        names([OPENAI, AZURE], "gpt-4o", Clearance(local_only=True))
    assert refused.value.confidential


def test_only_models_of_the_organisation_s_list_are_used() -> None:
    assert names([OPENAI, HOUSE], "", Clearance(models=("*-mini", "llama"))) == [
        ("openai", "gpt-4o-mini"), ("house", "llama"),
    ]  # fmt: skip
    with pytest.raises(ProviderNotAllowedError, match="allows none") as refused:
        names([OPENAI], "gpt-4o", Clearance(models=("claude-*",)))
    assert not refused.value.confidential


def test_a_model_that_was_asked_for_and_is_not_allowed_gives_way_to_one_that_is() -> None:
    assert names([OPENAI, HOUSE], "gpt-4o", Clearance(models=("llama",))) == [("house", "llama")]


def test_quoting_is_no_model_and_on_no_list() -> None:
    quotes = Route("extractive", provider("extractive"), local=True, quotes=True)
    assert names([quotes], "", Clearance(local_only=True, models=("gpt-*",))) == [("extractive", "extractive")]


def test_equals_share_the_load_and_the_less_busy_one_is_next() -> None:
    load = Load()
    one, two = (Route(name, provider("m"), priority=1) for name in ("one", "two"))
    found = targets([one, two], "", ANYBODY)
    chosen = []
    for _ in range(4):
        route = load.best(found).route
        load.begun(route)
        load.over(route)
        chosen.append(route.name)
    assert chosen == ["one", "two", "one", "two"]
    load.begun(one)
    load.begun(two)
    load.begun(two)
    assert [load.best(found).route.name, load.outstanding("two")] == ["one", 2]


class _Entry:
    name, enabled = "entry", True

    def __init__(self, plugin: str, config: dict[str, Any]) -> None:
        self.plugin, self.config = plugin, config


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (_Entry("plugins.llm.extractive:ExtractiveProvider", {}), True),
        (_Entry("plugins.llm.extractive:ExtractiveProvider", {"base_url": "http://gpu.example/v1"}), False),
        (_Entry("plugins.llm.extractive:ExtractiveProvider", {"base_url": "http://127.0.0.1:1/v1"}), True),
        # What listens on this machine may pass everything on: only its owner can say that it does not.
        (_Entry("plugins.llm.openai:OpenAIProvider", {"base_url": "http://127.0.0.1:1/v1"}), False),
        (_Entry("somebody.elses", {}), False),
    ],
)
def test_only_what_surely_stays_here_counts_as_local(entry: Entry, expected: bool) -> None:
    assert is_local(entry) is expected
