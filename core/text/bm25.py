"""What does a term weigh in a chunk and in a query?

BM25 as a dot product: the chunk's side carries saturated term frequencies, the query's side inverse document
frequencies (Robertson and Zaragoza 2009; idf as in Lucene, never negative).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from core.types import SparseVector

K1 = 1.5
B = 0.75


def document_weights(
    term_counts: Mapping[int, int], length: int, average_length: float, *, k1: float = K1, b: float = B
) -> SparseVector:
    """The chunk's side.

    Args:
        term_counts: Term id → how often it occurs.
        length: Terms of the chunk, repeats included.
        average_length: Mean length of the chunks it competes with.
    """
    norm = k1 * (1 - b + b * length / average_length) if average_length else k1
    indices = tuple(sorted(term_counts))
    # The usual factor k1 + 1 changes no ranking and is left out, as in Lucene.
    return SparseVector(indices, tuple(term_counts[i] / (term_counts[i] + norm) for i in indices))


def query_weights(term_ids: Sequence[int], document_frequency: Mapping[int, int], document_count: int) -> SparseVector:
    """The query's side; terms that occur nowhere are left out, a second mention counts less than the first."""
    mentions = Counter(term for term in term_ids if document_frequency.get(term, 0) > 0)
    indices = tuple(sorted(mentions))
    weights = (
        math.sqrt(mentions[i]) * inverse_document_frequency(document_frequency[i], document_count) for i in indices
    )
    return SparseVector(indices, tuple(weights))


def inverse_document_frequency(frequency: int, document_count: int) -> float:
    """How much a term that occurs in ``frequency`` of ``document_count`` chunks says; above 0."""
    frequency = min(frequency, document_count)
    return math.log(1 + (document_count - frequency + 0.5) / (frequency + 0.5))
