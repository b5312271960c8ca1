"""What do tokens of a model cost?"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)


def cost_usd(prices: Mapping[str, Price], input_tokens: int, output_tokens: int, model: str) -> float:
    """Dollars for so many tokens; 0.0 when the price is not known.

    Dated names (``name-2025-01-31``) cost what the name they begin with costs.
    """
    known = [name for name in prices if model == name or model.startswith(f"{name}-20")]
    if not known:
        return 0.0
    price = prices[max(known, key=len)]
    return (input_tokens * price.input + output_tokens * price.output) / 1_000_000
