"""What is particular to chat models of LangChain?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import CompletionRequest, CompletionResponse, Message, PluginStatus
from plugins.interfaces import PluginContext
from plugins.llm.langchain import LangChainProvider
from tests.servers.openai_server import OpenAIServer

HERE = "plugins.llm.langchain.tests.chat_models"
ASKED = CompletionRequest(
    messages=(Message(role="user", content="confidential question"),), model="", temperature=0.3, max_tokens=77
)
STREAMED = ASKED.model_copy(update={"stream": True})


async def _started(tmp_path: Path, name: str = "BlockingModel", **options: Any) -> LangChainProvider:
    given = {"reference": f"{HERE}:{name}", "modules": [HERE], "default_model": "m1", **options}
    async with httpx.AsyncClient() as http:
        context = PluginContext(http=http, data_dir=tmp_path)
    provider = LangChainProvider(LangChainProvider.Options.model_validate(given), context)
    await provider.start()
    return provider


async def _text(provider: LangChainProvider, request: CompletionRequest) -> str:
    answer = await provider.complete(request)
    if isinstance(answer, CompletionResponse):
        return answer.text
    return "".join([piece async for piece in answer])


@pytest.mark.parametrize("asked", [ASKED, STREAMED], ids=["whole", "streamed"])
async def test_each_call_has_its_own_model_temperature_and_length(tmp_path: Path, asked: CompletionRequest) -> None:
    provider = await _started(tmp_path, fields={"max_tokens": "answer_length"})
    assert await _text(provider, asked) == "m1 0.3 77"
    other = asked.model_copy(update={"model": "m2", "temperature": 0.9, "max_tokens": 5})
    assert await _text(provider, other) == "m2 0.9 5"


async def test_setting_that_the_class_does_not_know_or_shall_not_get_is_left_alone(tmp_path: Path) -> None:
    provider = await _started(tmp_path, fields={"temperature": ""}, kwargs={"temperature": 0.0, "model_id": "fixed"})
    assert await _text(provider, ASKED) == "m1 0.0 5"


async def test_tokens_of_a_stream_are_added_up_and_blocks_are_read(tmp_path: Path) -> None:
    provider = await _started(tmp_path, "CountingModel", kwargs={"reason": "max_tokens"})
    stream = await provider.complete(STREAMED)
    assert not isinstance(stream, CompletionResponse)
    assert [piece async for piece in stream] == ["one ", "two"]
    response = stream.response
    assert (response.input_tokens, response.output_tokens) == (7, 6)
    assert (response.finish_reason, response.model) == ("length", "seen")


@pytest.mark.parametrize("asked", [ASKED, STREAMED], ids=["whole", "streamed"])
async def test_answer_that_ends_without_a_reason_counts_as_broken_off_unless_allowed(
    tmp_path: Path, asked: CompletionRequest
) -> None:
    strict = await _started(tmp_path, "CountingModel", kwargs={"reason": ""})
    with pytest.raises(ProviderUnavailableError, match="finish_reason: optional"):
        await _text(strict, asked)
    lenient = await _started(tmp_path, "CountingModel", kwargs={"reason": ""}, finish_reason="optional")
    assert await _text(lenient, asked) == ("one two" if asked.stream else "m1 0.3 5")


@pytest.mark.parametrize("asked", [ASKED, STREAMED], ids=["whole", "streamed"])
async def test_whatever_a_class_raises_is_an_error_of_the_provider_without_our_text(
    tmp_path: Path, asked: CompletionRequest
) -> None:
    provider = await _started(tmp_path, "BadModel")
    with pytest.raises(ProviderError) as caught:
        await provider.complete(asked)
    assert "ValueError" in str(caught.value)
    assert "confidential" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "os:system", "modules": ["langchain_core"]}, "allowed: classes of langchain_core"),
        ({"reference": "langchain_core_evil:X", "modules": ["langchain_core"]}, "allowed"),
        ({"reference": "langchain_nowhere:X", "modules": ["langchain_nowhere"]}, "pip install langchain-nowhere"),
        ({"reference": f"{HERE}:Absent"}, "no class Absent"),
        (
            {"reference": "langchain_core.messages:AIMessage", "modules": ["langchain_core"]},
            "not a kind of LangChain's BaseChatModel",
        ),
        ({"fields": {"temperature": "warmth"}}, "no such field"),
        ({"secret_kwargs": {"temperature": "sk-secret"}}, "temperature"),
    ],
)
async def test_wrong_options_are_named_and_secrets_are_not(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        await _started(tmp_path, **options)
    assert "sk-secret" not in str(caught.value)


def test_modules_of_langchain_alone_are_allowed_unless_others_are_named() -> None:
    allowed = LangChainProvider.Options(reference="a:B", default_model="m").modules
    assert all(module.startswith("langchain_") for module in allowed)


async def test_nothing_is_asked_by_a_health_check_unless_it_may(tmp_path: Path) -> None:
    async with OpenAIServer().running() as server:
        options: dict[str, Any] = {
            "reference": "langchain_openai:ChatOpenAI",
            "modules": ["langchain_openai"],
            "kwargs": {"base_url": server.base_url},
            "secret_kwargs": {"api_key": "sk"},
        }
        quiet = await _started(tmp_path, **options)
        assert (await quiet.health_check()).status is PluginStatus.HEALTHY
        assert server.opened == 0
        probing = await _started(tmp_path, **options, probe=True)
        assert (await probing.health_check()).status is PluginStatus.HEALTHY
        assert (server.opened, server.asked(0)["max_tokens"]) == (1, 1)
        await quiet.close()
        await probing.close()


def test_importing_the_plugins_does_not_import_a_library() -> None:
    names = ("openai", "langchain_core", "langchain", "httpx")
    modules = ", ".join(f"plugins.llm.{name}" for name in ("azure", "ollama", "langchain"))
    code = f"import sys, {modules}; print(*(set({names}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
