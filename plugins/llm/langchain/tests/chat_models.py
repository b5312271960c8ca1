"""Which chat models of LangChain does nobody ship? Small real ones, for the corners of the adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult


class BlockingModel(BaseChatModel):
    """Knows only blocking calls, and fields with names of its own; says what it was set to."""

    model_id: str
    temperature: float = 1.0
    answer_length: int = 5
    reason: str = "stop"

    @property
    def _llm_type(self) -> str:
        return "blocking"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = f"{self.model_id} {self.temperature} {self.answer_length}"
        message = AIMessage(content=text, response_metadata={"stop_reason": self.reason} if self.reason else {})
        return ChatResult(generations=[ChatGeneration(message=message)])


class CountingModel(BlockingModel):
    """Streams blocks, and tells its tokens as they come: the input first, the output bit by bit."""

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for number, word in enumerate(("one ", "two")):
            usage = UsageMetadata(input_tokens=0 if number else 7, output_tokens=3, total_tokens=3 if number else 10)
            blocks: list[str | dict[Any, Any]] = [{"type": "text", "text": word}]
            yield ChatGenerationChunk(message=AIMessageChunk(content=blocks, usage_metadata=usage))
        if self.reason:
            end = AIMessageChunk(content="", response_metadata={"stop_reason": self.reason, "model_name": "seen"})
            yield ChatGenerationChunk(message=end)


class BadModel(BlockingModel):
    """Raises something of its own."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise ValueError(f"secret text: {messages}")
