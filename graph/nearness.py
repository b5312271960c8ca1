"""Which passages speak of a question, and which sentence of each comes closest?

Nothing here says that a passage answers. A reader is shown these when no sentence says outright what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from core.text import language, matching, sentences, terms
from core.types import Candidate, Chunk
from graph.evidence import evidence_score

NEAR = 0.15
"""Evidence score of a passage from which on it speaks of the question (measured: docs/evaluation.md)."""
SHOWN = 3
MAX_QUOTE_WORDS = 60
_RULE = re.compile(r"^[\s:|*_=-]+$")
"""The line under a table's header, or between two parts of a text."""


@dataclass(frozen=True, slots=True)
class Near:
    """A passage by its number in the evidence, and its sentence or row that comes closest."""

    number: int
    quote: str


def nearest(query: str, evidence: Sequence[Candidate], term_idf: Mapping[str, float]) -> list[Near]:
    """At most ``SHOWN`` passages in their order; none when nothing is near."""
    near = (
        Near(number, quote)
        for number, candidate in enumerate(evidence, start=1)
        if evidence_score(query, [candidate], term_idf) >= NEAR
        and (quote := closest_sentence(query, candidate.chunk, term_idf))
    )
    return list(islice(near, SHOWN))


def closest_sentence(query: str, chunk: Chunk, term_idf: Mapping[str, float]) -> str:
    """The sentence with most of the question's words, the first of equals; empty when there is only furniture."""
    wanted = matching.content_terms(query, language.detect(query))
    quotable = list(_quotable(chunk.content))
    if not quotable:
        return ""
    best = max(
        quotable, key=lambda one: matching.coverage(wanted, frozenset(terms.terms(one, chunk.language)), term_idf)
    )
    return readable(best)


def _quotable(passage: str) -> Iterator[str]:
    """Sentences and rows; no headings, no names of columns, no rules."""
    found = [passage[start:end] for start, end in sentences.split(passage)]
    for sentence, following in pairwise([*found, ""]):
        names_columns = sentence.startswith("|") and following.startswith("|") and _RULE.match(following)
        if not sentence.startswith("#") and not _RULE.match(sentence) and not names_columns:
            yield sentence


def readable(sentence: str) -> str:
    """A sentence or row as it is quoted: on one line, without the marks of lists and tables."""
    if sentence.startswith("|"):
        sentence = " · ".join(cell.strip() for cell in sentence.strip("|").split("|") if cell.strip())
    words = sentence.lstrip("-*•> ").replace("**", "").split()
    return " ".join(words[:MAX_QUOTE_WORDS]) + (" …" if len(words) > MAX_QUOTE_WORDS else "")
