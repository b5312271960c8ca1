"""What does a search without an answer show?"""

from __future__ import annotations

from uuid import UUID

from core.errors import ValidationError
from core.identity import Principal, Role
from core.types import Candidate
from services.retrieval import HybridRetriever, SearchMode
from services.views import SearchHit

MAX_QUERY = 10_000


class SearchService:
    """Ranked passages."""

    def __init__(self, retriever: HybridRetriever, *, max_limit: int) -> None:
        self._retriever = retriever
        self._max_limit = max_limit

    async def search(
        self,
        principal: Principal,
        query: str,
        *,
        limit: int = 10,
        mode: SearchMode = SearchMode.HYBRID,
        collection_ids: frozenset[UUID] | None = None,
    ) -> tuple[SearchHit, ...]:
        """The best passages the principal may read.

        Raises:
            ValidationError: The query is empty or too long, or more was asked for than is given.
        """
        if not 1 <= limit <= self._max_limit:
            raise ValidationError(f"limit must be between 1 and {self._max_limit}, not {limit}.")
        found = await self.find(principal, query, limit=limit, mode=mode, collection_ids=collection_ids)
        return tuple(_hit(candidate) for candidate in found)

    async def find(
        self,
        principal: Principal,
        query: str,
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
        collection_ids: frozenset[UUID] | None = None,
    ) -> list[Candidate]:
        """The same as the graph sees it, to any depth; for the evaluation.

        Raises:
            ValidationError: The query is empty or too long.
        """
        principal.require(Role.VIEWER)
        found = await self._retriever.retrieve(
            valid_question(query), principal=principal, limit=limit, collection_ids=collection_ids, mode=mode
        )
        return found.candidates


def valid_question(text: str) -> str:
    """The question without surrounding space and without characters PostgreSQL cannot hold.

    Raises:
        ValidationError: Nothing is left, or it is longer than 10,000 characters.
    """
    question = text.encode("utf-8", "replace").decode().replace("\x00", "").strip()
    if not question:
        raise ValidationError("The question is empty.", next_step="Type what you want to know.")
    if len(question) > MAX_QUERY:
        raise ValidationError(
            f"The question has {len(question):,} characters; {MAX_QUERY:,} are allowed.", next_step="Shorten it."
        )
    return question


def _hit(candidate: Candidate) -> SearchHit:
    chunk = candidate.chunk
    return SearchHit(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        version_id=chunk.version_id,
        filename=chunk.filename,
        page=chunk.page,
        page_label=chunk.page_label,
        heading_path=chunk.heading_path,
        text=chunk.content,
        score=candidate.score,
        dense_score=candidate.dense_score,
        sparse_score=candidate.sparse_score,
    )
