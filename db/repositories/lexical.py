"""How often do terms occur in an organisation?

The counts cover chunks of active versions and move in the transaction that switches a version, so that BM25 weighs
terms by what can be found and by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import BigInteger, Integer

CHUNKS = -1
TERMS = -2

_ADD = text(
    "INSERT INTO term_statistics (organization_id, term_id, document_count) "
    "SELECT :organization, t, c FROM unnest(:terms, :counts) AS n (t, c) ORDER BY t "
    "ON CONFLICT (organization_id, term_id) DO UPDATE SET "
    "document_count = term_statistics.document_count + excluded.document_count"
).bindparams(bindparam("terms", type_=ARRAY(Integer)), bindparam("counts", type_=ARRAY(BigInteger)))

_READ = text(
    "SELECT term_id, document_count FROM term_statistics "
    "WHERE organization_id = :organization AND term_id = ANY(:terms)"
).bindparams(bindparam("terms", type_=ARRAY(Integer)))


@dataclass(frozen=True, slots=True)
class LexicalStatistics:
    """What BM25 needs of a collection.

    Attributes:
        document_frequency: Chunks that hold the term, for the terms asked for that occur at all.
        chunk_count: Chunks in all.
        average_length: Mean number of terms of a chunk; 0.0 when there is none.
    """

    document_frequency: Mapping[int, int]
    chunk_count: int
    average_length: float


class LexicalRepository:
    """Term statistics, inside the caller's transaction; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def read(self, organization_id: UUID, term_ids: Sequence[int]) -> LexicalStatistics:
        """Counts of these terms."""
        wanted = [*term_ids, CHUNKS, TERMS]
        rows = await self._session.execute(_READ, {"organization": organization_id, "terms": wanted})
        counts = {term: count for term, count in rows if count > 0}
        chunks, terms = counts.pop(CHUNKS, 0), counts.pop(TERMS, 0)
        return LexicalStatistics(counts, chunks, terms / chunks if chunks else 0.0)

    async def add(
        self, organization_id: UUID, term_chunks: Mapping[int, int], *, chunks: int, terms: int, sign: int = 1
    ) -> None:
        """Count a version in (``sign`` 1) or out (-1). Rows are locked in the order of their ids."""
        counts = {**term_chunks, CHUNKS: chunks, TERMS: terms}
        ordered = sorted(counts)
        await self._session.execute(
            _ADD,
            {"organization": organization_id, "terms": ordered, "counts": [sign * counts[term] for term in ordered]},
        )
