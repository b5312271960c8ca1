"""Which rows do the suites of vector stores store, and what does numpy say about them?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np

from core.types import SparseVector, Vector, VectorPayload
from plugins.interfaces import VectorDBProvider

COLLECTION = "passages"
SIZE = 32
TOLERANCE = 2e-3
"""Half precision moves a cosine by less than this."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Rows of one organisation, and what numpy says about them."""

    organization_id: UUID
    ids: list[UUID]
    vectors: Vector
    payloads: list[VectorPayload]
    sparse: list[SparseVector]

    def cosines(self, query: Vector) -> dict[UUID, float]:
        lengths = np.linalg.norm(self.vectors, axis=1) * np.linalg.norm(query)
        return dict(zip(self.ids, (self.vectors @ query / lengths).tolist(), strict=True))

    def dots(self, query: SparseVector) -> dict[UUID, float]:
        weights = dict(zip(query.indices, query.values, strict=True))
        return {
            identifier: sum(weights.get(index, 0.0) * value for index, value in zip(v.indices, v.values, strict=True))
            for identifier, v in zip(self.ids, self.sparse, strict=True)
        }


def make_corpus(rows: int, *, seed: int = 0, organization_id: UUID | None = None, documents: int = 4) -> Corpus:
    """Random rows over two collections and some documents; terms 0 to 199 and the largest allowed one."""
    rng = np.random.default_rng(seed)
    organization = organization_id or uuid4()
    collections = [uuid4(), uuid4()]
    versions = [(uuid4(), uuid4()) for _ in range(documents)]
    sparse = []
    for _ in range(rows):
        terms = [*sorted(rng.choice(200, size=12, replace=False).tolist()), 2**29 - 1]
        sparse.append(SparseVector(tuple(terms), tuple(rng.uniform(0.2, 2.0, len(terms)).tolist())))
    return Corpus(
        organization_id=organization,
        ids=[uuid4() for _ in range(rows)],
        vectors=rng.standard_normal((rows, SIZE)).astype(np.float32),
        payloads=[
            VectorPayload(organization, collections[row % documents % 2], *versions[row % documents])
            for row in range(rows)
        ],
        sparse=sparse,
    )


def query_vector(seed: int = 99) -> Vector:
    """A random query, not normalised on purpose."""
    vector: Vector = np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32)
    return vector


QUERY_TERMS = SparseVector((3, 17, 60, 150), (2.9, 1.4, 3.3, 2.2))


async def store_corpus(store: VectorDBProvider, corpus: Corpus) -> None:
    await store.upsert(COLLECTION, corpus.vectors, corpus.payloads, corpus.ids, corpus.sparse)
