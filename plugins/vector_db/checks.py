"""What does every vector store refuse, and which filters admit nothing?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from uuid import UUID

import numpy as np

from core.errors import ConfigurationError, ValidationError
from core.types import SparseVector, Vector, VectorFilter, VectorPayload

MAX_SIZE: Final = 16_000
MAX_TERM: Final = 2**29 - 1
MAX_TERMS: Final = 16_000
"""Most terms of one sparse vector; pgvector's limit of non-zero elements."""

_COLLECTION_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")


def check_name(collection: str) -> None:
    """A collection's name is safe as the name of a table, a folder or a part of an address.

    Raises:
        ValidationError: It is not.
    """
    if not _COLLECTION_NAME.fullmatch(collection):
        raise ValidationError(
            f"'{collection[:60]}' cannot name a collection.",
            next_step="Use a small letter, then up to 40 small letters, digits or underscores.",
        )


def check_shape(store: str, vector_size: int, distance_metric: str) -> None:
    """Every store compares by cosine.

    Raises:
        ConfigurationError: Another metric, or a size no store can keep.
    """
    if distance_metric != "cosine":
        raise ConfigurationError(f"{store}: distance_metric is '{distance_metric}'; allowed: cosine.")
    if not 1 <= vector_size <= MAX_SIZE:
        raise ConfigurationError(f"{store}: vector_size is {vector_size}; allowed: 1 to {MAX_SIZE}.")


def one_organization(
    vectors: Vector,
    payloads: Sequence[VectorPayload],
    ids: Sequence[UUID],
    sparse_vectors: Sequence[SparseVector] | None,
) -> UUID | None:
    """The organisation all rows belong to; None when there are no rows.

    Raises:
        ValidationError: The arguments differ in length, or two organisations own the rows.
    """
    lengths = {len(vectors), len(payloads), len(ids)}
    if sparse_vectors is not None:
        lengths.add(len(sparse_vectors))
    if len(lengths) != 1:
        raise ValidationError("Vectors, payloads, ids and sparse vectors differ in number.")
    organizations = {payload.organization_id for payload in payloads}
    if len(organizations) > 1:
        raise ValidationError("One call stores vectors of one organisation only.")
    return next(iter(organizations), None)


def unit_vectors(vectors: Vector, size: int) -> Vector:
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


def check_terms(vector: SparseVector) -> dict[int, float]:
    """Weights by term id, those of weight zero left out.

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
    if indices and (indices[0] < 0 or indices[-1] > MAX_TERM):
        raise ValidationError(f"Sparse term ids must lie in 0 … {MAX_TERM}.")
    return {index: value for index, value in zip(indices, values, strict=True) if value}


def admits_nothing(filters: VectorFilter) -> bool:
    """Whether no row can pass: an empty set names nothing, where None would name everything."""
    return filters.collection_ids == frozenset() or filters.document_ids == frozenset()
