"""What happens without a reranker?"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from core.types import Candidate, Health, PluginStatus
from plugins.interfaces import PluginContext


class NoRerankerOptions(BaseModel):
    """There is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoReranker:
    """The order of the search stands."""

    Options = NoRerankerOptions

    def __init__(self, options: NoRerankerOptions, context: PluginContext) -> None:
        del options, context

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        del query
        return list(chunks[: max(top_k, 0)])
