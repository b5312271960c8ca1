"""How do our rows and filters become Qdrant's, and back?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from core.types import SparseVector, Vector, VectorFilter, VectorPayload
from plugins.vector_db.checks import check_terms
from plugins.vector_db.metadata import COLLECTION, DOCUMENT, ORGANIZATION, metadata_of, row_id

if TYPE_CHECKING:
    from qdrant_client import models

DENSE: Final = "dense"
SPARSE: Final = "bm25"


def points(
    vectors: Vector,
    payloads: Sequence[VectorPayload],
    ids: Sequence[UUID],
    sparse_vectors: Sequence[SparseVector] | None,
) -> list[models.PointStruct]:
    """Checked points, one a row; the last of several with one id wins."""
    from qdrant_client import models

    unique: dict[UUID, models.PointStruct] = {}
    for position, (chunk, payload) in enumerate(zip(ids, payloads, strict=True)):
        named: dict[str, Any] = {DENSE: vectors[position].tolist()}
        if sparse_vectors is not None and (terms := sparse(sparse_vectors[position])) is not None:
            named[SPARSE] = terms
        unique[chunk] = models.PointStruct(
            id=row_id(payload.organization_id, chunk),
            vector=named,
            payload=metadata_of(chunk, payload),
        )
    return list(unique.values())


def sparse(vector: SparseVector) -> models.SparseVector | None:
    """A checked sparse vector; None when no term has weight."""
    from qdrant_client import models

    terms = check_terms(vector)
    return models.SparseVector(indices=list(terms), values=list(terms.values())) if terms else None


def condition(filters: VectorFilter) -> models.Filter:
    """What a row must fulfil; the organisation always comes first."""
    must = [_is(ORGANIZATION, (filters.organization_id,))]
    if filters.collection_ids is not None:
        must.append(_is(COLLECTION, filters.collection_ids))
    if filters.document_ids is not None:
        must.append(_is(DOCUMENT, filters.document_ids))
    return _all(must)


def owned(organization_id: UUID, field: str, values: Sequence[UUID]) -> models.Filter:
    """Rows of an organisation whose field has one of these values."""
    return _all([_is(ORGANIZATION, (organization_id,)), _is(field, values)])


def owned_points(organization_id: UUID, ids: Sequence[UUID]) -> models.Filter:
    """Rows of an organisation by the ids of their chunks."""
    from qdrant_client import models

    named = models.HasIdCondition(has_id=[row_id(organization_id, chunk) for chunk in ids])
    return _all([_is(ORGANIZATION, (organization_id,)), named])


def _is(field: str, values: Sequence[UUID] | frozenset[UUID]) -> models.FieldCondition:
    from qdrant_client import models

    return models.FieldCondition(key=field, match=models.MatchAny(any=sorted(str(value) for value in values)))


def _all(conditions: Sequence[models.Condition]) -> models.Filter:
    from qdrant_client import models

    return models.Filter(must=list(conditions))
