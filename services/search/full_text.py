"""What do words alone find, without a vector store?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from core.identity import Principal
from core.types import Candidate, VectorFilter
from db.models import Document, DocumentChunk
from db.repositories.documents import DocumentRepository
from db.repositories.versions import answers
from db.unit_of_work import Database

TRIES = 2


async def search_full_text(
    database: Database,
    principal: Principal,
    terms: Iterable[str],
    filters: VectorFilter,
    limit: int,
    as_of: datetime | None = None,
) -> list[Candidate]:
    """PostgreSQL's own ranking over words joined with OR, best first; worse than the stores, but there."""
    words = [term for term in terms if term.isalnum()]
    if not words:
        return []
    query = func.to_tsquery("simple", " | ".join(f"{word}:*" for word in words))
    rank = func.ts_rank(DocumentChunk.tsv, query)
    statement = (
        select(DocumentChunk.id, rank.label("rank"))
        .join(Document, Document.id == DocumentChunk.document_id)
        .where(
            answers(DocumentChunk.__table__.c.version_id, as_of),
            DocumentChunk.tsv.op("@@")(query),
            ~DocumentChunk.is_deleted,
            Document.collection_id.in_(filters.collection_ids or frozenset()),
        )
        .order_by(rank.desc())
        .limit(limit)
    )
    if filters.document_ids is not None:
        statement = statement.where(Document.id.in_(filters.document_ids))
    async with database.transaction(principal.organization_id) as session:
        for _ in range(TRIES):
            ranked = {row.id: float(row.rank) for row in await session.execute(statement)}
            chunks = await DocumentRepository(session).active_chunks(principal, ranked.keys(), as_of)
            if len(chunks) == len(ranked):
                break  # else another version may have taken over between the two statements
    best = max(ranked.values(), default=1.0)
    return [Candidate(chunks[key], rank / best, None, rank) for key, rank in ranked.items() if key in chunks]
