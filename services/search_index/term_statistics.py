"""Which terms does a text have, and what do they weigh in an organisation?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from core.text import bm25, language, terms
from core.types import SparseVector
from db.repositories.lexical import LexicalRepository, LexicalStatistics
from db.unit_of_work import Database

PRIOR_CHUNKS = 20
PRIOR_LENGTH = 100.0
"""The first chunks of an organisation are weighed as if there were a few of this length already."""


@dataclass(frozen=True, slots=True)
class TermCounts:
    """The terms of one chunk."""

    counts: Counter[int]
    length: int


@dataclass(frozen=True, slots=True)
class WeighedQuery:
    """A query's sparse vector and the idf of each of its terms, rarest terms being the heaviest."""

    vector: SparseVector
    term_idf: dict[str, float]


def count_terms(text: str, language_code: str) -> TermCounts:
    """Terms of a chunk by id."""
    found = terms.terms(text, language_code)
    return TermCounts(Counter(terms.term_id(term) for term in found), len(found))


def chunks_per_term(counted: Sequence[TermCounts]) -> Counter[int]:
    """In how many of the chunks each term occurs."""
    return Counter(term for chunk in counted for term in chunk.counts)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a version adds to the statistics of its organisation while it answers."""

    term_chunks: Counter[int]
    chunks: int
    terms: int

    @classmethod
    def of(cls, counted: Sequence[TermCounts]) -> Statistics:
        """Of the chunks of a version."""
        return cls(chunks_per_term(counted), len(counted), sum(chunk.length for chunk in counted))

    def plus(self, other: Statistics) -> Statistics:
        """Both together."""
        return Statistics(self.term_chunks + other.term_chunks, self.chunks + other.chunks, self.terms + other.terms)

    def minus(self, other: Statistics) -> Statistics:
        """What is left to add once the other is taken away; terms that stay as they are are not named."""
        changed = Counter(self.term_chunks)
        changed.subtract(other.term_chunks)
        return Statistics(
            Counter({term: count for term, count in changed.items() if count}),
            self.chunks - other.chunks,
            self.terms - other.terms,
        )

    def packed(self) -> bytes:
        """Little-endian 32-bit integers: chunks, terms, then each term id with its chunks."""
        pairs = [number for pair in sorted(self.term_chunks.items()) for number in pair]
        return np.asarray([self.chunks, self.terms, *pairs], dtype="<i4").tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> Statistics:
        """The same again."""
        chunks, terms_, *pairs = np.frombuffer(data, dtype="<i4").tolist()
        return cls(Counter(dict(zip(pairs[::2], pairs[1::2], strict=True))), chunks, terms_)


NOTHING = Statistics(Counter(), 0, 0)


def average_length(known: LexicalStatistics, counted: Sequence[TermCounts]) -> float:
    """Mean length once the counted chunks have joined the known ones."""
    chunks = known.chunk_count + len(counted) + PRIOR_CHUNKS
    total = (
        known.average_length * known.chunk_count
        + sum(chunk.length for chunk in counted)
        + PRIOR_CHUNKS * (known.average_length or PRIOR_LENGTH)
    )
    return total / chunks


class LexicalIndex:
    """BM25 weights by the statistics of one organisation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def weigh_chunks(self, organization_id: UUID, counted: Sequence[TermCounts]) -> list[SparseVector]:
        """Document-side weights; the mean length includes the chunks being added."""
        async with self._database.transaction(organization_id) as session:
            known = await LexicalRepository(session).read(organization_id, [])
        average = average_length(known, counted)
        return [bm25.document_weights(chunk.counts, chunk.length, average) for chunk in counted]

    async def weigh_query(self, organization_id: UUID, query: str) -> WeighedQuery:
        """Query-side weights: idf over the organisation's active chunks."""
        found = list(dict.fromkeys(terms.terms(query, language.detect(query))))
        ids = {term: terms.term_id(term) for term in found}
        async with self._database.transaction(organization_id) as session:
            known = await LexicalRepository(session).read(organization_id, list(ids.values()))
        vector = bm25.query_weights(list(ids.values()), known.document_frequency, known.chunk_count)
        weights = dict(zip(vector.indices, vector.values, strict=True))
        return WeighedQuery(vector, {term: weights.get(term_id, 0.0) for term, term_id in ids.items()})
