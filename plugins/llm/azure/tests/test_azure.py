"""What is particular to Azure OpenAI?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from core.errors import ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, Message
from plugins.interfaces import PluginContext
from plugins.llm.azure import AzureProvider
from tests.servers.azure_server import DEPLOYMENT, KEY, AzureServer

ASKED = CompletionRequest(messages=(Message(role="user", content="How long do refunds take?"),), model="gpt-4o")


@pytest.fixture
async def server() -> AsyncIterator[AzureServer]:
    async with AzureServer().running() as running:
        yield running


async def _started(server: AzureServer, tmp_path: Path, **options: Any) -> AzureProvider:
    given = {"api_key": KEY, "endpoint": server.address, "default_model": "gpt-4o", **options}
    context = PluginContext(http=httpx.AsyncClient(), data_dir=tmp_path)
    provider = AzureProvider(AzureProvider.Options.model_validate(given), context)
    await provider.start()
    return provider


async def test_model_is_asked_under_the_name_of_its_deployment(server: AzureServer, tmp_path: Path) -> None:
    provider = await _started(server, tmp_path, deployments={"gpt-4o": DEPLOYMENT}, models=["o3-mini"])
    await provider.complete(ASKED)
    assert server.bodies[0]["model"] == DEPLOYMENT
    assert provider.get_supported_models() == ("gpt-4o", "o3-mini")
    await provider.close()


async def test_model_without_an_entry_is_deployed_under_its_own_name(server: AzureServer, tmp_path: Path) -> None:
    provider = await _started(server, tmp_path, deployments={"gpt-4o": "elsewhere"})
    await provider.complete(ASKED.model_copy(update={"model": DEPLOYMENT}))
    with pytest.raises(ProviderError, match="status 404"):
        await provider.complete(ASKED)
    await provider.close()


@pytest.mark.parametrize("model", ["o3-mini", "gpt-4o"])
async def test_models_that_refuse_a_temperature_are_known_by_their_own_name(
    server: AzureServer, tmp_path: Path, model: str
) -> None:
    provider = await _started(server, tmp_path, deployments={model: DEPLOYMENT}, length_parameter="max_tokens")
    await provider.complete(ASKED.model_copy(update={"model": model}))
    assert ("temperature" in server.bodies[0]) is (model == "gpt-4o")
    assert server.bodies[0]["max_tokens"] == 2048
    await provider.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_prompt_that_the_content_filter_refuses_is_told_as_such(
    server: AzureServer, tmp_path: Path, stream: bool
) -> None:
    server.filters = True
    provider = await _started(server, tmp_path, deployments={"gpt-4o": DEPLOYMENT})
    with pytest.raises(ProviderError, match="content filter") as caught:
        await provider.complete(ASKED.model_copy(update={"stream": stream}))
    assert not isinstance(caught.value, ProviderUnavailableError)
    await provider.close()


async def test_version_and_key_that_the_resource_does_not_know_are_refused(server: AzureServer, tmp_path: Path) -> None:
    old = await _started(server, tmp_path, deployments={"gpt-4o": DEPLOYMENT}, api_version="2020-01-01")
    with pytest.raises(ProviderError, match="status 404"):
        await old.complete(ASKED)
    stranger = await _started(server, tmp_path, deployments={"gpt-4o": DEPLOYMENT}, api_key="sk-stranger")
    assert "does not accept the key" in (await stranger.health_check()).detail
    await old.close()
    await stranger.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "https://x.openai.azure.com/openai/v1"},
        {"api_version": "latest"},
        {"api_key": ""},
        {"default_model": ""},
    ],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    right = {"endpoint": "https://x.openai.azure.com/", "api_key": "k", "default_model": "gpt-4o"}
    AzureProvider.Options.model_validate(right)
    with pytest.raises(ValidationError):
        AzureProvider.Options.model_validate({**right, **wrong})
