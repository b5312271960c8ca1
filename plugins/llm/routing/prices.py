"""What do tokens of a model cost?

List prices stand in ``prices.yaml``, dated, by the host that asks them; the options of an entry may name others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from pathlib import Path

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field

log = structlog.get_logger(__name__)

FILE = Path(__file__).with_name("prices.yaml")


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class PriceList(BaseModel):
    """Prices of one vendor and the day on which they were true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: date
    source: str = Field(min_length=1)
    models: Mapping[str, Price]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    vendors: Mapping[str, PriceList]


@cache
def list_prices(host: str) -> Mapping[str, Price]:
    """List prices that hold at a vendor's host; empty for hosts nobody listed."""
    listed = price_lists().get(host)
    return listed.models if listed else {}


@cache
def price_lists() -> Mapping[str, PriceList]:
    """All lists by host."""
    return _File.model_validate(yaml.load(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)).vendors


def cost_usd(prices: Mapping[str, Price], input_tokens: int, output_tokens: int, model: str) -> float:
    """Dollars for so many tokens; 0.0 when the price is not known, which is logged once a model.

    Dated names (``name-2025-01-31``) cost what the name they begin with costs.
    """
    known = [name for name in prices if model == name or model.startswith(f"{name}-20")]
    if not known:
        _say_unknown(model)
        return 0.0
    price = prices[max(known, key=len)]
    return (input_tokens * price.input + output_tokens * price.output) / 1_000_000


@lru_cache(maxsize=256)
def _say_unknown(model: str) -> None:
    log.warning("model_price_unknown", model=model, next_step="Set prices in the options of its entry.")
