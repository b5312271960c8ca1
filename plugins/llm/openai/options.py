"""What can be set for a server that speaks OpenAI's protocol?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from plugins.llm.routing.prices import Price, list_prices

VENDOR_HOST = "api.openai.com"
VENDOR_MODEL = "gpt-4o-mini"


class OpenAIOptions(BaseModel):
    """Options of the ``openai`` plugin.

    Attributes:
        api_key: May be empty for servers that want none, never for OpenAI's own.
        organization: Which of several organisations of one account pays; empty: the account's own choice.
        default_model: Model that is asked when nobody names one. Empty: the first of ``models``; without them
            gpt-4o-mini at OpenAI, elsewhere the first model the server lists.
        models: Models this entry answers for.
        timeout: Seconds until the whole answer, or the first token of a streamed one, is there.
        max_retries: Times the client itself tries again before the router hears of it, which tries again too, and other
            models with it.
        idle_timeout_s: Between two pieces of a stream.
        prices: Dollars per million tokens by model; beside OpenAI's own list prices when its address is used.
        fixed_temperature: Globs of models that refuse a temperature.
        length_parameter: Name under which the longest answer is sent; auto takes what the address understands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    base_url: str = Field(default=f"https://{VENDOR_HOST}/v1", pattern=r"^https?://[^\s/]+\S*$")
    organization: str = ""
    default_model: str = ""
    models: tuple[str, ...] = ()
    timeout: float = Field(default=60.0, gt=0, le=3600)
    max_retries: int = Field(default=0, ge=0, le=10)
    idle_timeout_s: float = Field(default=30.0, gt=0, le=600)
    prices: Mapping[str, Price] = Field(default_factory=dict)
    fixed_temperature: tuple[str, ...] = ("o1*", "o3*", "o4*", "gpt-5*")
    length_parameter: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"

    @property
    def first_model(self) -> str:
        """Model that is asked when nobody names one; empty: the server is asked."""
        return self.default_model or (self.models[0] if self.models else VENDOR_MODEL if self.is_vendor else "")

    @property
    def is_vendor(self) -> bool:
        """Whether this is OpenAI itself."""
        return urlsplit(self.base_url).hostname == VENDOR_HOST

    @property
    def all_prices(self) -> Mapping[str, Price]:
        """Prices that hold at this address."""
        return {**list_prices(urlsplit(self.base_url).hostname or ""), **self.prices}

    @property
    def length_name(self) -> str:
        """Parameter that limits the answer; OpenAI's newer models know only the longer name."""
        if self.length_parameter != "auto":
            return self.length_parameter
        return "max_completion_tokens" if self.is_vendor else "max_tokens"
