"""What can be set for Ollama?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class OllamaOptions(BaseModel):
    """Options of the ``ollama`` plugin.

    Attributes:
        api_key: Only for a proxy in front of Ollama that wants a bearer token.
        host: Address of the server.
        default_model: Model that is asked when nobody names one. Empty: the first of ``models``, else of what the
            server lists.
        models: Models this entry answers for.
        context_tokens: Room for question, passages and answer together. What does not fit, Ollama cuts off without a
            word, and its own default is far too small for passages.
        keep_alive: How long the model stays in memory after a call, in Ollama's words (``10m``, ``-1`` for ever).
        think: Whether models that can think aloud first should; their thoughts are not part of the answer. None
            leaves it to the model.
        timeout: Seconds until the whole answer, or the first token of a streamed one, is there; loading a model counts.
        idle_timeout_s: Between two pieces of an answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr = SecretStr("")
    host: str = Field(default="http://127.0.0.1:11434", pattern=r"^https?://[^\s/]+\S*$")
    default_model: str = ""
    models: tuple[str, ...] = ()
    context_tokens: int = Field(default=8192, ge=512, le=2_000_000)
    keep_alive: str = Field(default="10m", pattern=r"^-?\d+(\.\d+)?(ms|s|m|h)?$")
    think: bool | None = None
    timeout: float = Field(default=120.0, gt=0, le=3600)
    idle_timeout_s: float = Field(default=30.0, gt=0, le=600)
