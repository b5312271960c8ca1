"""What is particular to servers with OpenAI's protocol?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ConfigurationError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Message
from plugins.interfaces import PluginContext
from plugins.llm.openai import OpenAIProvider
from tests.servers.model_server import WORDS, Fault
from tests.servers.openai_server import MODEL, OpenAIServer

ASKED = CompletionRequest(messages=(Message(role="user", content="How long do refunds take?"),), model="")


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running() as running:
        yield running


def _provider(tmp_path: Path, **options: Any) -> OpenAIProvider:
    context = PluginContext(http=httpx.AsyncClient(), data_dir=tmp_path)
    return OpenAIProvider(OpenAIProvider.Options.model_validate(options), context)


async def test_first_listed_model_is_the_default_of_a_server_that_is_not_openai(
    server: OpenAIServer, tmp_path: Path
) -> None:
    provider = _provider(tmp_path, base_url=server.base_url)
    await provider.start()
    assert provider.get_supported_models() == (MODEL,)
    await provider.complete(ASKED)
    assert server.bodies[0]["model"] == MODEL
    await provider.close()


async def test_start_says_when_the_server_is_away(tmp_path: Path) -> None:
    provider = _provider(tmp_path, base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ProviderUnavailableError, match="does not answer"):
        await provider.start()
    await provider.close()


def test_openai_itself_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        _provider(tmp_path)


def test_openai_itself_has_a_default_model_prices_and_the_newer_length_parameter(tmp_path: Path) -> None:
    provider = _provider(tmp_path, api_key="sk", prices={"gpt-4o": {"input": 1, "output": 1}})
    assert provider.get_supported_models() == ("gpt-4o-mini",)
    assert provider.calculate_cost(1_000_000, 1_000_000, "gpt-4o-mini-2024-07-18") == pytest.approx(0.75)
    assert provider.calculate_cost(1_000_000, 1_000_000, "gpt-4o") == pytest.approx(2.0)
    assert OpenAIProvider.Options().length_name == "max_completion_tokens"


async def test_models_that_refuse_a_temperature_get_none_and_the_length_has_the_chosen_name(
    server: OpenAIServer, tmp_path: Path
) -> None:
    options = {"base_url": server.base_url, "default_model": "o3-mini", "length_parameter": "max_completion_tokens"}
    provider = _provider(tmp_path, **options)
    await provider.start()
    await provider.complete(ASKED)
    assert "temperature" not in server.bodies[0]
    assert server.bodies[0]["max_completion_tokens"] == 2048
    await provider.close()


async def test_tokens_that_a_server_does_not_tell_are_estimated_in_a_stream(
    server: OpenAIServer, tmp_path: Path
) -> None:
    server.fault = Fault.NO_USAGE
    provider = _provider(tmp_path, base_url=server.base_url)
    await provider.start()
    stream = await provider.complete(ASKED.model_copy(update={"stream": True}))
    assert not isinstance(stream, CompletionResponse)
    text = "".join([piece async for piece in stream])
    assert text == "".join(WORDS)
    assert stream.response.input_tokens == len(ASKED.messages[0].content) // 4
    assert stream.response.output_tokens == -(-len(text) // 4)
    await provider.close()


def test_importing_the_plugin_does_not_import_the_library() -> None:
    code = "import sys, plugins.llm.openai, plugins.llm.anthropic; print(*({'openai', 'anthropic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
