"""How do our vectors become pgvector's, and which are refused?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias
from uuid import UUID

import numpy as np
from pgvector import HalfVector
from pgvector import SparseVector as PgSparseVector
from pgvector import Vector as PgVector

from core.errors import ValidationError
from core.types import SparseVector, Vector, VectorPayload
from plugins.vector_db.pgvector.sql import SPARSE_DIMENSIONS
from plugins.vector_db.pgvector.terms import index_keys

PgDense: TypeAlias = HalfVector | PgVector
Row: TypeAlias = dict[str, UUID | PgDense | PgSparseVector | list[int]]

MAX_TERMS = 16_000
"""pgvector's limit of non-zero elements in a sparse vector."""


def dense(vectors: Vector, size: int) -> Vector:
    """``(n, size)`` vectors scaled to length one, so that the inner product is the cosine.

    Raises:
        ValidationError: Another dimension, not finite, or a zero vector, which has no direction.
    """
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != size:
        raise ValidationError(f"Vectors of shape {array.shape} do not fit a collection of {size} dimensions.")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ValidationError("A vector is zero or not finite, so it has no direction to compare.")
    unit: Vector = array / lengths
    return unit


def to_pg(vector: Vector, embedding_type: str) -> PgDense:
    """One dense vector in the column's type."""
    return HalfVector(vector) if embedding_type == "halfvec" else PgVector(vector)


def sparse(vector: SparseVector) -> PgSparseVector:
    """A sparse vector in pgvector's form, terms of weight zero left out.

    Raises:
        ValidationError: Lengths differ, ids are not ascending or out of range, weights not finite, or too many terms.
    """
    indices, values = vector.indices, vector.values
    if len(indices) != len(values):
        raise ValidationError(f"A sparse vector has {len(indices)} terms and {len(values)} weights.")
    if len(indices) > MAX_TERMS:
        raise ValidationError(f"A sparse vector has {len(indices)} terms; at most {MAX_TERMS} can be stored.")
    if not all(np.isfinite(values)):
        raise ValidationError("A sparse weight is not finite.")
    if any(later <= earlier for earlier, later in pairwise(indices)):
        raise ValidationError("Sparse term ids must ascend without repetition.")
    if indices and (indices[0] < 0 or indices[-1] >= SPARSE_DIMENSIONS):
        raise ValidationError(f"Sparse term ids must lie in 0 … {SPARSE_DIMENSIONS - 1}.")
    weights = {index: value for index, value in zip(indices, values, strict=True) if value}
    return PgSparseVector(weights, SPARSE_DIMENSIONS)


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
