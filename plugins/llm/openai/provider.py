"""How is OpenAI, or any server with its protocol, reached?"""

from __future__ import annotations

from core.errors import ConfigurationError
from plugins.interfaces import PluginContext
from plugins.llm.chat_completions import ChatCompletionsProvider, ChatRules
from plugins.llm.openai.options import OpenAIOptions
from plugins.llm.routing.prices import cost_usd
from plugins.vendors.upstream import translated


class OpenAIProvider(ChatCompletionsProvider):
    """Chat completions at ``base_url``."""

    Options = OpenAIOptions
    SERVICE = "The model server"

    def __init__(self, options: OpenAIOptions, context: PluginContext) -> None:
        del context  # the official client needs an HTTP client of its own kind
        if options.is_vendor and not options.api_key.get_secret_value():
            raise ConfigurationError("api_key: found nothing; OpenAI needs a key.", next_step="Set OPENAI_API_KEY.")
        super().__init__(
            ChatRules(options.length_name, options.fixed_temperature, options.idle_timeout_s),
            options.first_model,
        )
        self._options = options

    async def start(self) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        # No redirects: they would carry passages to a host that nobody agreed to.
        # Retrying is the router's work, unless somebody wants both.
        self._client = AsyncOpenAI(
            api_key=self._options.api_key.get_secret_value() or "none",
            base_url=self._options.base_url,
            timeout=self._options.timeout,
            organization=self._options.organization or None,
            max_retries=self._options.max_retries,
            http_client=DefaultAsyncHttpxClient(follow_redirects=False, timeout=self._options.timeout),
        )
        if not self._default_model:
            self._default_model = await self._first_listed_model()

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        return cost_usd(self._options.all_prices, input_tokens, output_tokens, model)

    def get_supported_models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self._default_model, *self._options.models) if name))

    async def _first_listed_model(self) -> str:
        with translated(self.SERVICE):
            listed = await self._connected.models.list()
        names = [model.id for model in listed.data or ()]
        if not names:
            raise ConfigurationError("default_model: found nothing, and the server lists no model.")
        return names[0]
