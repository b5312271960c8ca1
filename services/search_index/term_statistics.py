"""Which terms does a text have, and what do they weigh in an organisation?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from core.text import bm25, language, matching, misspellings, terms
from core.types import SparseVector
from db.repositories.lexical import LexicalRepository, LexicalStatistics
from db.unit_of_work import Database

PRIOR_CHUNKS = 20
PRIOR_LENGTH = 100.0
"""The first chunks of an organisation are weighed as if there were a few of this length already."""
FORGIVEN, MISSPELT = 3, 0.7
"""Words of a question that are looked for misspelt, and what a word counts that is one letter away."""
RARE, FEW = 0.05, 3
"""Share of the chunks, and chunks, up to which a word is rare: names are misspelt, not the words of every day."""
HARDLY = 0.01
"""What a misspelt word weighs where the question is held against a passage: nobody wrote it."""


@dataclass(frozen=True, slots=True)
class TermCounts:
    """The terms of one chunk."""

    counts: Counter[int]
    length: int


@dataclass(frozen=True, slots=True)
class WeighedQuery:
    """A query's sparse vector and the idf of each of its terms; what is rare or occurs nowhere is the heaviest."""

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
        """Query-side weights: idf over the organisation's active chunks, and of a misspelt word what may be meant."""
        spoken = language.detect(query)
        found = terms.terms(query, spoken)
        ids = {term: terms.term_id(term) for term in found}
        formerly = {terms.term_id(term) for term in terms.with_accents(query, spoken)} - set(ids.values())
        async with self._database.transaction(organization_id) as session:
            repository = LexicalRepository(session)
            known = await repository.read(organization_id, [*ids.values(), *formerly])
            frequency, count = known.document_frequency, known.chunk_count
            unknown = [term for term, term_id in ids.items() if term_id not in frequency]
            meant = await _meant(repository, organization_id, unknown[:FORGIVEN], count)
        vector = bm25.query_weights([*(ids[term] for term in found), *formerly], frequency, count)
        unseen = min(matching.UNKNOWN_IDF, bm25.inverse_document_frequency(0, count))
        idf = {
            term: bm25.inverse_document_frequency(frequency[term_id], count) if term_id in frequency else unseen
            for term, term_id in ids.items()
        }
        return WeighedQuery(_with(vector, meant), idf | dict.fromkeys(meant, HARDLY))


async def _meant(
    repository: LexicalRepository, organization_id: UUID, unknown: Sequence[str], chunks: int
) -> dict[str, dict[int, float]]:
    """What each word that nobody wrote may have meant: rare words one letter away, by id with their weights."""
    variants = {term: {terms.term_id(one) for one in misspellings.variants(term)} for term in unknown}
    asked = sorted({term_id for ids in variants.values() for term_id in ids})
    if not asked:
        return {}
    near = (await repository.read(organization_id, asked)).document_frequency
    rare = {term_id: seen for term_id, seen in near.items() if seen <= max(RARE * chunks, FEW)}
    meant = {
        term: {key: MISSPELT * bm25.inverse_document_frequency(rare[key], chunks) for key in ids & rare.keys()}
        for term, ids in variants.items()
    }
    return {term: weights for term, weights in meant.items() if weights}


def _with(vector: SparseVector, meant: Mapping[str, Mapping[int, float]]) -> SparseVector:
    """The weights of what was written and of what may be meant, by term."""
    together: dict[int, float] = {}
    for weights in meant.values():
        together |= weights
    together |= dict(zip(vector.indices, vector.values, strict=True))
    indices = tuple(sorted(together))
    return SparseVector(indices, tuple(together[term] for term in indices))
