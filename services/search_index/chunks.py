"""What is kept of the chunks of a version, beside their vectors?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Uuid, all_, any_, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import ChunkDraft
from db.models import DocumentChunk, DocumentVersion
from services.search_index.term_statistics import NOTHING, Statistics, count_terms

SEARCHED = "searched"
_INSERT = insert(DocumentChunk.__table__).values(tsv=func.to_tsvector("simple", bindparam(SEARCHED)))  # type: ignore[arg-type]  # a Table
"""Compiled once; many rows go to the server together."""


def chunk_ids(version_id: UUID, drafts: Sequence[ChunkDraft]) -> list[UUID]:
    """By version and place in it: the same passage has the same id however the rest is cut."""
    seen: Counter[tuple[int, int, int]] = Counter()
    ids = []
    for draft in drafts:
        place = (draft.page, draft.char_start, draft.char_end)
        ids.append(uuid5(version_id, f"{place[0]}:{place[1]}:{place[2]}:{seen[place]}"))
        seen[place] += 1
    return ids


def indexed_text(context: str, content: str) -> str:
    """What is embedded and counted of a chunk: its text under its title and headings."""
    return f"{context}\n{content}" if context else content


async def statistics_of(session: AsyncSession, version_id: UUID | None) -> Statistics:
    """What a version adds to the statistics while it answers; nothing for none."""
    if version_id is None:
        return NOTHING
    kept = await session.scalar(select(DocumentVersion.term_counts).where(DocumentVersion.id == version_id))
    return Statistics.unpacked(kept) if kept is not None else await _counted_again(session, version_id)


async def _counted_again(session: AsyncSession, version_id: UUID) -> Statistics:
    """For versions read before their counts were kept; takes seconds for a long one."""
    rows = await session.execute(
        select(DocumentChunk.context, DocumentChunk.content, DocumentChunk.language).where(
            DocumentChunk.version_id == version_id, ~DocumentChunk.is_deleted
        )
    )
    texts = [(indexed_text(row.context, row.content), row.language) for row in rows]
    return await asyncio.to_thread(lambda: Statistics.of([count_terms(*text) for text in texts]))


async def replace_chunks(
    session: AsyncSession,
    organization_id: UUID,
    version: tuple[UUID, UUID],
    drafts: Sequence[ChunkDraft],
    ids: Sequence[UUID],
    labels: Mapping[int, str],
) -> Sequence[UUID]:
    """Write the chunks of a version; those that are no more are only marked, because answers cite them.

    Args:
        version: Ids of the document and of the version.
        labels: Names of pages by their number.

    Returns:
        Ids of the chunks that are no more.
    """
    replaced = await session.scalars(
        update(DocumentChunk)
        .where(DocumentChunk.version_id == version[1], ~DocumentChunk.is_deleted, DocumentChunk.id != all_(_array(ids)))
        .values(is_deleted=True)
        .returning(DocumentChunk.id)
    )
    stale = replaced.all()
    await add_chunks(session, organization_id, version, drafts, ids, labels)
    return sorted(stale)


async def add_chunks(
    session: AsyncSession,
    organization_id: UUID,
    version: tuple[UUID, UUID],
    drafts: Sequence[ChunkDraft],
    ids: Sequence[UUID],
    labels: Mapping[int, str],
) -> None:
    """Write chunks of a version, in the place of those with the same ids; the others stay as they are."""
    document_id, version_id = version
    await session.execute(
        delete(DocumentChunk).where(DocumentChunk.version_id == version_id, DocumentChunk.id == any_(_array(ids)))
    )
    rows = [
        {
            "id": chunk_id,
            "organization_id": organization_id,
            "document_id": document_id,
            "version_id": version_id,
            "chunk_index": draft.index,
            "content": draft.content,
            "context": draft.context,
            "token_count": draft.token_count,
            "page": draft.page,
            "page_label": labels.get(draft.page, ""),
            "char_start": draft.char_start,
            "char_end": draft.char_end,
            "heading_path": list(draft.heading_path),
            "language": draft.language,
            SEARCHED: draft.content,
        }
        for chunk_id, draft in zip(ids, drafts, strict=True)
    ]
    if rows:
        connection = await session.connection()
        await connection.execute(_INSERT, rows)


def _array(ids: Sequence[UUID]) -> ColumnElement[Sequence[UUID]]:
    """One parameter, however many they are."""
    return literal(list(ids), ARRAY(Uuid))
