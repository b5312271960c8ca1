"""What is particular to Ollama?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Message, PluginStatus
from plugins.interfaces import PluginContext
from plugins.llm.ollama import OllamaProvider
from tests.servers.model_server import WORDS, Fault
from tests.servers.ollama_server import MODEL, OllamaServer

ASKED = CompletionRequest(messages=(Message(role="user", content="How long do refunds take?"),), model="")


@dataclass
class Kitchen:
    """A server and the way to a provider for it."""

    server: OllamaServer
    context: PluginContext

    async def provider(self, **options: Any) -> OllamaProvider:
        given = {"host": self.server.base_url, "default_model": MODEL, **options}
        provider = OllamaProvider(OllamaProvider.Options.model_validate(given), self.context)
        await provider.start()
        return provider


@pytest.fixture
async def kitchen(tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with OllamaServer().running() as server, httpx.AsyncClient() as http:
        yield Kitchen(server, PluginContext(http=http, data_dir=tmp_path))


async def test_first_listed_model_is_the_default(kitchen: Kitchen) -> None:
    provider = await kitchen.provider(default_model="")
    assert provider.get_supported_models() == (f"{MODEL}:latest",)


async def test_server_without_a_model_says_how_to_get_one(kitchen: Kitchen) -> None:
    kitchen.server.pulled = ()
    with pytest.raises(ConfigurationError, match="ollama pull"):
        await kitchen.provider(default_model="")


@pytest.mark.parametrize("name", [MODEL, f"{MODEL}:latest"])
async def test_pulled_model_is_healthy_with_and_without_its_tag(kitchen: Kitchen, name: str) -> None:
    provider = await kitchen.provider(default_model=name)
    assert (await provider.health_check()).status is PluginStatus.HEALTHY


async def test_model_that_was_not_pulled_is_named_with_the_command(kitchen: Kitchen) -> None:
    provider = await kitchen.provider(default_model="llama9")
    health = await provider.health_check()
    assert health.status is PluginStatus.BROKEN
    assert "ollama pull llama9" in health.detail
    with pytest.raises(ProviderError, match="ollama pull llama9"):
        await provider.complete(ASKED)


async def test_room_for_the_passages_is_asked_for_with_every_call(kitchen: Kitchen) -> None:
    provider = await kitchen.provider(context_tokens=16_384, keep_alive="-1", think=False)
    await provider.complete(ASKED)
    body = kitchen.server.bodies[0]
    assert body["options"]["num_ctx"] == 16_384
    assert (body["keep_alive"], body["think"]) == ("-1", False)
    await (await kitchen.provider()).complete(ASKED)
    assert "think" not in kitchen.server.bodies[1]


async def test_whole_answer_that_falls_silent_is_noticed_before_the_whole_time_is_up(kitchen: Kitchen) -> None:
    kitchen.server.fault = Fault.STALLED
    provider = await kitchen.provider(idle_timeout_s=0.2, timeout=60)
    with pytest.raises(ProviderUnavailableError, match="silent"):
        await provider.complete(ASKED)
    await kitchen.server.until_cancelled(1)


async def test_whole_answer_may_not_take_longer_than_its_time(kitchen: Kitchen) -> None:
    kitchen.server.fault = Fault.ENDLESS
    provider = await kitchen.provider(timeout=0.3)
    with pytest.raises(ProviderUnavailableError):
        await provider.complete(ASKED)
    await kitchen.server.until_cancelled(1)


async def test_tokens_that_the_server_does_not_tell_are_estimated(kitchen: Kitchen) -> None:
    kitchen.server.fault = Fault.NO_USAGE
    answer = await (await kitchen.provider()).complete(ASKED)
    assert isinstance(answer, CompletionResponse)
    assert answer.input_tokens == len(ASKED.messages[0].content) // 4
    assert answer.output_tokens == -(-len("".join(WORDS)) // 4)
    assert answer.cost_usd == 0.0


async def test_no_key_is_sent_unless_there_is_one(kitchen: Kitchen) -> None:
    await (await kitchen.provider()).complete(ASKED)
    assert "authorization" not in kitchen.server.headers
    await (await kitchen.provider(api_key="proxy")).complete(ASKED)
    assert kitchen.server.headers["authorization"] == "Bearer proxy"
