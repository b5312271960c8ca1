"""How do our rows and filters become Chroma's?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from core.types import Vector, VectorFilter, VectorPayload
from plugins.vector_db.chroma.engine import Rows, Where
from plugins.vector_db.metadata import COLLECTION, DOCUMENT, ORGANIZATION, metadata_of, row_id


def packed(vectors: Vector, payloads: Sequence[VectorPayload], ids: Sequence[UUID]) -> Rows:
    """Rows to store; of several with one id the last wins, because Chroma refuses a call that names one twice."""
    last = {chunk: position for position, chunk in enumerate(ids)}
    positions = list(last.values())
    return Rows(
        [row_id(payloads[position].organization_id, ids[position]) for position in positions],
        vectors[positions],
        [metadata_of(ids[position], payloads[position]) for position in positions],
    )


def condition(filters: VectorFilter) -> Where:
    """What a row must fulfil; the organisation always comes first."""
    must = [_is(ORGANIZATION, (filters.organization_id,))]
    if filters.collection_ids is not None:
        must.append(_is(COLLECTION, filters.collection_ids))
    if filters.document_ids is not None:
        must.append(_is(DOCUMENT, filters.document_ids))
    return must[0] if len(must) == 1 else {"$and": must}


def owned(organization_id: UUID, field: str, values: Sequence[UUID]) -> Where:
    """Rows of an organisation whose field has one of these values."""
    return {"$and": [_is(ORGANIZATION, (organization_id,)), _is(field, values)]}


def _is(field: str, values: Iterable[UUID]) -> Where:
    return {field: {"$in": sorted(str(value) for value in values)}}
