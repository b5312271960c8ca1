"""What does a search without an answer show?"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from core.errors import ValidationError
from core.identity import Principal, Role
from core.telemetry import METRICS
from core.types import Candidate
from services.search.retriever import HybridRetriever, SearchMode
from services.views.search import SearchHit

MAX_QUERY = 10_000
FIRST_YEAR = 1970


class SearchService:
    """Ranked passages."""

    def __init__(self, retriever: HybridRetriever, *, default_limit: int, max_limit: int) -> None:
        self._retriever = retriever
        self._default_limit = default_limit
        self._max_limit = max_limit

    async def search(
        self,
        principal: Principal,
        query: str,
        *,
        limit: int | None = None,
        mode: SearchMode = SearchMode.HYBRID,
        collection_ids: frozenset[UUID] | None = None,
        as_of: datetime | None = None,
    ) -> tuple[SearchHit, ...]:
        """The best passages the principal may read, of the versions that answer now or answered at a moment.

        Args:
            limit: How many; else ``retrieval.default_k``.

        Raises:
            ValidationError: The query is empty or too long, more was asked for than is given, or the moment is to come.
        """
        limit = self._default_limit if limit is None else limit
        if not 1 <= limit <= self._max_limit:
            raise ValidationError(f"limit must be between 1 and {self._max_limit}, not {limit}.")
        found = await self.find(principal, query, limit=limit, mode=mode, collection_ids=collection_ids, as_of=as_of)
        return tuple(_hit(candidate) for candidate in found)

    async def find(
        self,
        principal: Principal,
        query: str,
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
        collection_ids: frozenset[UUID] | None = None,
        as_of: datetime | None = None,
    ) -> list[Candidate]:
        """The same as the graph sees it, to any depth; for the evaluation.

        Raises:
            ValidationError: The query is empty or too long, or the moment is to come.
        """
        principal.require(Role.VIEWER)
        found = await self._retriever.retrieve(
            valid_question(query),
            principal=principal,
            limit=limit,
            collection_ids=collection_ids,
            mode=mode,
            as_of=valid_moment(as_of),
        )
        for component in found.degraded:
            METRICS.degraded.labels(component).inc()
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


def valid_moment(as_of: datetime | None) -> datetime | None:
    """The moment whose documents are asked.

    Raises:
        ValidationError: It has no time zone, is to come, or is before there were computers to ask.
    """
    if as_of is None:
        return None
    if as_of.tzinfo is None:
        raise ValidationError("as_of has no time zone.", next_step="Add one: 2026-03-31T12:00:00+02:00.")
    if as_of.year < FIRST_YEAR:
        raise ValidationError(f"as_of lies before {FIRST_YEAR}.", next_step="There were no documents then.")
    if as_of > datetime.now(UTC):
        raise ValidationError(
            "as_of lies in the future.", next_step="Leave it out to ask the documents as they are now."
        )
    return as_of


def _hit(candidate: Candidate) -> SearchHit:
    chunk = candidate.chunk
    return SearchHit(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        version_id=chunk.version_id,
        version_number=chunk.version_number,
        pages_read=candidate.chunk.pages_read,
        superseded=chunk.superseded,
        filename=chunk.filename,
        page=chunk.page,
        page_label=chunk.page_label,
        heading_path=chunk.heading_path,
        text=chunk.content,
        score=candidate.score,
        dense_score=candidate.dense_score,
        sparse_score=candidate.sparse_score,
    )
