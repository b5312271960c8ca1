"""What can be set for a chat model of LangChain?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import Field

from plugins.llm.routing.prices import Price
from plugins.vendors.langchain_classes import LangChainOptions

Setting: TypeAlias = Literal["model", "temperature", "max_tokens"]


class LangChainChatOptions(LangChainOptions):
    """Options of the ``langchain`` plugin for language models.

    Attributes:
        default_model: Model that is asked when nobody names one; given to the class unless ``kwargs`` names one.
        models: Further models this entry answers for.
        fields: Name that the class has for a setting of a call, where it is not one of the usual; empty: the class
            has none, or its model refuses it.
        finish_reason: Whether an answer that ends without a reason counts as broken off. Some classes never give one.
        probe: Ask for one token at each health check. It costs; without it only building the class is checked.
        timeout: Seconds until the whole answer, or the first token of a streamed one, is there.
        idle_timeout_s: Between two pieces of a stream.
        prices: Dollars per million tokens by model.
    """

    default_model: str = Field(min_length=1)
    models: tuple[str, ...] = ()
    fields: Mapping[Setting, str] = Field(default_factory=dict)
    finish_reason: Literal["required", "optional"] = "required"
    probe: bool = False
    timeout: float = Field(default=60.0, gt=0, le=3600)
    idle_timeout_s: float = Field(default=30.0, gt=0, le=600)
    prices: Mapping[str, Price] = Field(default_factory=dict)
