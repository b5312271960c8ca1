"""Which passages speak of a question, and which sentence of each comes closest?

Nothing here says that a passage answers. A reader is shown these when no sentence says outright what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import structlog

from core.errors import ProviderError
from core.similarity import rescaled
from core.text import language, matching, questions, terms
from core.text.quotable import Sentence, sentences_of
from core.types import Candidate, Passage
from graph.evidence import is_near
from plugins.interfaces import EmbeddingProvider

log = structlog.get_logger(__name__)

SHOWN = 3
MAX_QUOTE_WORDS = 60
LOOKED_AT = 4
"""Sentences of a passage whose meaning is compared: the best by words, and those with the kind of thing asked for."""
FITS = 0.3
"""What the kind of thing that is asked for counts among words where it is decided which are looked at."""


@dataclass(frozen=True, slots=True)
class Near:
    """A passage by its number in the evidence, and its sentence or row that comes closest."""

    number: int
    quote: str


async def nearest(
    query: str,
    evidence: Sequence[Candidate],
    term_idf: Mapping[str, float],
    least: float,
    embedding: EmbeddingProvider | None,
) -> list[Near]:
    """At most ``SHOWN`` passages in their order whose nearness is ``least`` or more; none when nothing is near."""
    near = (
        sentences
        for number, candidate in enumerate(evidence, start=1)
        if is_near(query, candidate, term_idf, least)
        and (sentences := _best_by_words(query, _passage(number, candidate), term_idf))
    )
    by_passage = list(islice(near, SHOWN))
    alike = await _alike(query, [one for sentences in by_passage for one, _ in sentences], embedding)
    found, place = [], 0
    for sentences in by_passage:
        worth = [words + alike[place + n] for n, (_, words) in enumerate(sentences)]
        place += len(sentences)
        best, _ = sentences[int(np.argmax(worth))]
        found.append(Near(best.passage, shortened(best.text)))
    return found


def _passage(number: int, candidate: Candidate) -> Passage:
    chunk = candidate.chunk
    return Passage(number=number, text=chunk.content, title=chunk.context, language=chunk.language)


def _best_by_words(query: str, passage: Passage, term_idf: Mapping[str, float]) -> list[tuple[Sentence, float]]:
    """The few sentences with most of the question's words, and how much they have of them; in their order."""
    wanted, kind = matching.content_terms(query, language.detect(query)), questions.answer_type(query)

    def words(sentence: Sentence) -> float:
        return matching.coverage(wanted, frozenset(terms.terms(sentence.text, passage.language)), term_idf)

    def fits(sentence: Sentence) -> bool:
        return questions.may_answer(questions.without(sentence.text, query), kind)

    scored = [(sentence, words(sentence)) for sentence in sentences_of(passage)]
    order = sorted(range(len(scored)), key=lambda n: -scored[n][1] - FITS * fits(scored[n][0]))
    return [scored[n] for n in sorted(order[:LOOKED_AT])]


async def _alike(query: str, sentences: Sequence[Sentence], embedding: EmbeddingProvider | None) -> Sequence[float]:
    """Similarity of each to the question; without a model words decide alone."""
    if embedding is None or not sentences:
        return [0.0] * len(sentences)
    try:
        vectors = await embedding.embed_batch([f"{one.around.strip()}\n{one.text}" for one in sentences])
        cosines = np.asarray(vectors @ await embedding.embed_text(query), dtype=np.float64)
    except ProviderError as error:
        log.warning("sentences_not_embedded", reason=error.code)
        return [0.0] * len(sentences)
    return [float(value) for value in rescaled(cosines, embedding.similarity_range)]


def shortened(quote: str) -> str:
    """So many words at most, with a sign where more follow."""
    words = quote.split()
    return " ".join(words[:MAX_QUOTE_WORDS]) + (" …" if len(words) > MAX_QUOTE_WORDS else "")
