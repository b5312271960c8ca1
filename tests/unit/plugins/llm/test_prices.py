"""Is the price list dated and plausible, and does the right price win?"""

from __future__ import annotations

import pytest
import structlog

from plugins.llm.anthropic import AnthropicProvider
from plugins.llm.openai import OpenAIProvider
from plugins.llm.routing.prices import Price, cost_usd, list_prices, price_lists


def test_every_list_is_dated_names_its_source_and_asks_more_for_output() -> None:
    lists = price_lists()
    assert {"api.openai.com", "api.anthropic.com"} <= set(lists)
    for listed in lists.values():
        assert listed.as_of.year >= 2026
        assert listed.source.startswith("https://")
        assert all(0 < price.input < price.output for price in listed.models.values())


def test_list_prices_hold_at_the_vendor_s_address_only() -> None:
    vendor = OpenAIProvider.Options(api_key="sk-test")
    assert vendor.all_prices["gpt-4o"] == Price(input=2.5, output=10.0)
    assert OpenAIProvider.Options(base_url="http://gpu.example/v1").all_prices == {}
    assert "claude-opus-4-6" in AnthropicProvider.Options(api_key="sk-test").all_prices
    assert list_prices("gpu.example") == {}


def test_prices_in_the_options_win() -> None:
    own = {"gpt-4o": Price(input=1.0, output=2.0)}
    options = OpenAIProvider.Options(api_key="sk-test", prices=own)
    assert options.all_prices["gpt-4o"] == own["gpt-4o"]
    assert options.all_prices["gpt-4o-mini"] == Price(input=0.15, output=0.6)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", 12.5),
        ("gpt-4o-2024-08-06", 12.5),
        ("gpt-4o-mini", 0.75),
        ("gpt-4o-mini-2024-07-18", 0.75),
        ("claude-opus-5", 0.0),
    ],
)
def test_a_dated_name_costs_what_its_model_costs(model: str, expected: float) -> None:
    assert cost_usd(list_prices("api.openai.com"), 1_000_000, 1_000_000, model) == pytest.approx(expected)


def test_an_unknown_price_is_nothing_and_said_once() -> None:
    with structlog.testing.capture_logs() as logs:
        assert cost_usd({}, 1000, 1000, "a-model-nobody-priced") == 0.0
        assert cost_usd({}, 1000, 1000, "a-model-nobody-priced") == 0.0
    assert [(entry["event"], entry["model"]) for entry in logs] == [("model_price_unknown", "a-model-nobody-priced")]
