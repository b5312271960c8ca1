"""What can be set for Azure OpenAI?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from plugins.llm.routing.prices import Price


class AzureOptions(BaseModel):
    """Options of the ``azure`` plugin.

    Attributes:
        endpoint: Address of the resource, such as ``https://department.openai.azure.com``, without a path of its API.
        api_version: Version of the data plane's API.
        default_model: Model that is asked when nobody names one.
        models: Further models this entry answers for.
        deployments: Deployment by model; a model that is not named here is deployed under its own name.
        timeout: Seconds until the whole answer, or the first token of a streamed one, is there.
        idle_timeout_s: Between two pieces of a stream.
        prices: Dollars per million tokens by model.
        fixed_temperature: Globs of models that refuse a temperature.
        length_parameter: Name under which the longest answer is sent; models older than gpt-4o want ``max_tokens``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = Field(min_length=1)
    endpoint: str = Field(pattern=r"^https?://[^\s/]+/?$")
    api_version: str = Field(default="2024-10-21", pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$")
    default_model: str = Field(min_length=1)
    models: tuple[str, ...] = ()
    deployments: Mapping[str, str] = Field(default_factory=dict)
    timeout: float = Field(default=60.0, gt=0, le=3600)
    idle_timeout_s: float = Field(default=30.0, gt=0, le=600)
    prices: Mapping[str, Price] = Field(default_factory=dict)
    fixed_temperature: tuple[str, ...] = ("o1*", "o3*", "o4*", "gpt-5*")
    length_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
