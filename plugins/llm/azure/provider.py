"""How is a model deployed at Azure OpenAI reached?

Protocol: ``POST {endpoint}/openai/deployments/{deployment}/chat/completions?api-version=…`` with the key in the
header ``api-key``, and ``GET {endpoint}/openai/models?api-version=…``.
"""

from __future__ import annotations

from typing import Any

from core.errors import ProviderError
from core.types import CompletionRequest, CompletionResponse
from plugins.interfaces import CompletionStream, PluginContext
from plugins.llm.azure.options import AzureOptions
from plugins.llm.chat_completions import ChatCompletionsProvider, ChatRules
from plugins.llm.routing.prices import cost_usd

_FILTERED = "content_filter"


class AzureProvider(ChatCompletionsProvider):
    """Chat completions of deployments."""

    Options = AzureOptions
    SERVICE = "Azure OpenAI"

    def __init__(self, options: AzureOptions, context: PluginContext) -> None:
        del context  # the official client needs an HTTP client of its own kind
        super().__init__(
            ChatRules(options.length_parameter, options.fixed_temperature, options.idle_timeout_s),
            options.default_model,
        )
        self._options = options

    async def start(self) -> None:
        from openai import AsyncAzureOpenAI, DefaultAsyncHttpxClient

        # No redirects: they would carry passages to a host that nobody agreed to. Retrying is the router's work.
        self._client = AsyncAzureOpenAI(
            api_key=self._options.api_key.get_secret_value(),
            azure_endpoint=self._options.endpoint,
            api_version=self._options.api_version,
            timeout=self._options.timeout,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(follow_redirects=False, timeout=self._options.timeout),
        )

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        try:
            return await super().complete(request)
        except ProviderError as error:
            # Azure reads questions and passages before the model does, and refuses some.
            if getattr(error.__cause__, "code", None) == _FILTERED:
                raise ProviderError(
                    f"The content filter of {self.SERVICE} refused the question or a passage.",
                    next_step="Ask differently, or change the filter of the deployment.",
                ) from error.__cause__
            raise

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return cost_usd(self._options.prices, input_tokens, output_tokens, model)

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._options.default_model, *self._options.models, *self._options.deployments)))

    def _asked(self, request: CompletionRequest) -> dict[str, Any]:
        # The client makes the path from the model's name, which is a deployment's name here.
        deployment = self._options.deployments.get(request.model, request.model)
        return {**super()._asked(request), "model": deployment}
