"""What must a reranker be able to do?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.types import Candidate
from plugins.interfaces.plugin import Plugin


class Reranker(Plugin, Protocol):
    """Puts the best evidence first."""

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        """At most ``top_k`` of the candidates, best first, with ``score`` replaced where it computed one."""
