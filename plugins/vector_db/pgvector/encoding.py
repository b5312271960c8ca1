"""How do our vectors become pgvector's?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

from pgvector import HalfVector
from pgvector import SparseVector as PgSparseVector
from pgvector import Vector as PgVector

from core.types import SparseVector, Vector, VectorPayload
from plugins.vector_db.checks import check_terms
from plugins.vector_db.pgvector.sql import SPARSE_DIMENSIONS
from plugins.vector_db.pgvector.terms import index_keys

PgDense: TypeAlias = HalfVector | PgVector
Row: TypeAlias = dict[str, UUID | PgDense | PgSparseVector | list[int]]


def to_pg(vector: Vector, embedding_type: str) -> PgDense:
    """One dense vector in the column's type."""
    return HalfVector(vector) if embedding_type == "halfvec" else PgVector(vector)


def sparse(vector: SparseVector) -> PgSparseVector:
    """A checked sparse vector in pgvector's form."""
    return PgSparseVector(check_terms(vector), SPARSE_DIMENSIONS)


def rows(
    vectors: Vector,
    payloads: Sequence[VectorPayload],
    ids: Sequence[UUID],
    sparse_vectors: Sequence[SparseVector] | None,
    embedding_type: str,
) -> list[Row]:
    """Checked parameters of the insert statement, one set a row; the last of several with one id wins."""
    unique: dict[UUID, Row] = {}
    for position, (identifier, payload) in enumerate(zip(ids, payloads, strict=True)):
        terms = sparse_vectors[position] if sparse_vectors is not None else SparseVector((), ())
        unique[identifier] = {
            "organization": payload.organization_id,
            "id": identifier,
            "collection": payload.collection_id,
            "document": payload.document_id,
            "version": payload.version_id,
            "dense": to_pg(vectors[position], embedding_type),
            "sparse": sparse(terms),
            "keys": index_keys(terms.indices, payload.organization_id),
        }
    return list(unique.values())
