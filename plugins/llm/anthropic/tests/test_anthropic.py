"""What is particular to Anthropic?"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from core.types import CompletionRequest, Message
from plugins.interfaces import PluginContext
from plugins.llm.anthropic import AnthropicProvider
from tests.servers.anthropic_server import PROTOCOL, AnthropicServer


async def test_system_message_stands_apart_and_the_temperature_ends_at_one(tmp_path: Path) -> None:
    async with AnthropicServer().running() as server, httpx.AsyncClient() as http:
        options = AnthropicProvider.Options.model_validate({"api_key": "sk", "base_url": server.base_url})
        provider = AnthropicProvider(options, PluginContext(http=http, data_dir=tmp_path))
        await provider.start()
        messages = (Message(role="system", content="Be brief."), Message(role="user", content="Hello"))
        await provider.complete(CompletionRequest(messages=messages, model="", temperature=1.7))
        body = server.bodies[0]
        assert body["system"] == "Be brief."
        assert body["messages"] == [{"role": "user", "content": "Hello"}]
        assert body["temperature"] == 1.0
        assert body["model"] == "claude-sonnet-4-6"
        assert server.headers["anthropic-version"] == PROTOCOL
        await provider.complete(CompletionRequest(messages=messages, model="claude-opus-5"))
        assert "temperature" not in server.bodies[1]
        await provider.close()


def test_a_key_is_required() -> None:
    with pytest.raises(ValidationError):
        AnthropicProvider.Options.model_validate({"api_key": ""})


def test_list_prices_hold_at_anthropic_only() -> None:
    at_home = AnthropicProvider.Options.model_validate({"api_key": "sk"})
    elsewhere = AnthropicProvider.Options.model_validate({"api_key": "sk", "base_url": "http://localhost:1"})
    assert at_home.all_prices["claude-sonnet-4-6"].output == 15.0
    assert elsewhere.all_prices == {}
