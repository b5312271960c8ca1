"""What can be set for Anthropic?"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from plugins.llm.routing.prices import Price, list_prices

VENDOR_HOST = "api.anthropic.com"
VENDOR_MODEL = "claude-sonnet-4-6"


class AnthropicOptions(BaseModel):
    """Options of the ``anthropic`` plugin.

    Attributes:
        default_model: Model that is asked when nobody names one. Empty: the first of ``models``, else
            claude-sonnet-4-6.
        models: Models this entry answers for.
        timeout: Seconds until the whole answer, or the first token of a streamed one, is there.
        idle_timeout_s: Between two pieces of a stream.
        prices: Dollars per million tokens by model; beside Anthropic's own list prices when its address is used.
        takes_temperature: Globs of models that still accept one; newer ones refuse it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = Field(min_length=1)
    base_url: str = Field(default=f"https://{VENDOR_HOST}", pattern=r"^https?://[^\s/]+\S*$")
    default_model: str = ""
    models: tuple[str, ...] = ()
    timeout: float = Field(default=60.0, gt=0, le=3600)
    idle_timeout_s: float = Field(default=30.0, gt=0, le=600)
    prices: Mapping[str, Price] = Field(default_factory=dict)
    takes_temperature: tuple[str, ...] = ("claude-*-4-5*", "claude-*-4-6*")

    @property
    def first_model(self) -> str:
        """Model that is asked when nobody names one."""
        return self.default_model or (self.models[0] if self.models else VENDOR_MODEL)

    @property
    def all_prices(self) -> Mapping[str, Price]:
        """Prices that hold at this address."""
        return {**list_prices(urlsplit(self.base_url).hostname or ""), **self.prices}
