"""Which terms of a query choose the rows that are scored?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

from core.types import SparseVector


def index_keys(indices: Sequence[int], organization_id: UUID) -> list[int]:
    """Term ids as the GIN index knows them: mixed with a number of the organisation's own.

    Without it one posting list would hold a term of all tenants, and a small tenant would read through a large one's
    rows. The mix is a bijection within an organisation; a collision between two costs time, never a result, because
    the organisation is compared as well and scores come from the sparse vector.
    """
    salt = int.from_bytes(blake2b(organization_id.bytes, digest_size=4).digest()) >> 1
    return [index ^ salt for index in indices]


def choose_terms(query: SparseVector, rows: int, limit: int, budget: int) -> tuple[int, ...]:
    """The rarest terms that together occur in about ``budget`` of ``rows`` rows; all of them in a small set.

    A query weight is an inverse document frequency, ln(1 + (N - n + .5) / (n + .5)), so ``exp(-weight)`` is the share
    of rows with the term. Terms are taken rarest first until the budget is spent, but never fewer than are needed for
    some four times ``limit`` rows: a misspelt word that occurs nowhere must not choose alone.
    """
    expected = 0.0
    chosen: list[int] = []
    for weight, index in sorted(zip(query.values, query.indices, strict=True), key=lambda term: (-term[0], term[1])):
        share = math.exp(-max(weight, 0.0))
        if expected >= 4 * limit and expected + rows * share > budget:
            break
        chosen.append(index)
        expected += rows * share
    return tuple(chosen)
