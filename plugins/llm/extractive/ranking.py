"""Which sentences of the evidence answer the question, and is any good enough?

A sentence earns by the question's words in it and around it, by its meaning, by having the kind of thing that is asked
for, by its passage speaking of what the question names, and by the rank of its passage. Without a model nothing else
can be judged; so the best must be good enough, and others are added only when they are nearly as good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.similarity import rescaled
from core.text import language, matching, names, questions, sentences, terms
from core.types import Grounding, Passage
from plugins.interfaces import EmbeddingProvider

WORDS, MEANING, KIND, PASSAGE = 0.45, 0.35, 0.08, 0.12
"""Shares of a sentence's score, which lies between 0 and 1."""
CONTEXT_SHARE = 0.5
"""What a word counts that stands in headings or the row's table header, against one in the sentence itself."""
COSINE_LOW, COSINE_HIGH = 0.1, 0.75
FOREIGN_WORDS, FOREIGN_BAR = 0.5, 0.85
"""Across languages words say half of what they else say, and less is asked of a sentence."""
UNFIT = 0.6
"""What is left of the score of a sentence without the kind of thing that is asked for."""
ANOTHER = 0.6
"""What is left when its passage does not speak of a thing that the question calls by name."""
TELLING_IDF = 2.0
"""Names in more than about a seventh of the passages tell nothing apart: the company's own."""
MAX_CANDIDATES = 120
MAX_SENTENCE_WORDS = 80

_SEPARATOR = re.compile(r"^\|[\s:|-]+\|$")
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or table row of a passage; ``text`` is how it is quoted, ``around`` what it stands under."""

    passage: int
    text: str
    around: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence and how well it answers, 0–1; ``foreign`` when it is in another language than the question."""

    sentence: Sentence
    score: float
    foreign: bool = False


async def rank(grounding: Grounding, embedding: EmbeddingProvider | None) -> tuple[Scored, ...]:
    """Sentences of the passages, best first; of very many, those with the question's words."""
    question, passages = grounding.question, grounding.passages
    found = [sentence for passage in passages for sentence in _sentences(passage)]
    if not found:
        return ()
    top = max((passage.score for passage in passages), default=0.0) or 1.0
    by_number = {passage.number: passage.score / top for passage in passages}
    words, portable = _words(grounding, found)
    ranks = np.array([by_number[sentence.passage] for sentence in found])
    kept = np.sort(np.argsort(-(words + PASSAGE * ranks), kind="stable")[:MAX_CANDIDATES])
    found, words, portable, ranks = [found[i] for i in kept], words[kept], portable[kept], ranks[kept]
    meaning = await _meaning(question, found, embedding) if embedding is not None else words
    # Between languages only names, codes and numbers can be compared; what they leave open, meaning has to say.
    said = np.where(portable, FOREIGN_WORDS * words + (1 - FOREIGN_WORDS) * meaning, words)
    scores = (WORDS * said + MEANING * meaning + PASSAGE * ranks + KIND) * _kind(question, found)
    scores *= _named(grounding, found)
    order = np.argsort(-scores, kind="stable")
    return tuple(Scored(found[index], float(scores[index]), bool(portable[index])) for index in order)


def choose(ranked: Sequence[Scored], *, min_score: float, near: float, limit: int, max_words: int) -> list[Sentence]:
    """The best sentence if it reaches ``min_score``, and those that reach ``near`` times its score."""
    if not ranked or ranked[0].score < min_score * (FOREIGN_BAR if ranked[0].foreign else 1.0):
        return []
    chosen: list[Sentence] = []
    words = 0
    for item in ranked:
        if item.score < near * ranked[0].score or len(chosen) == limit:
            break
        count = len(item.sentence.text.split())
        if words + count > max_words or any(item.sentence.text == other.text for other in chosen):
            continue
        chosen.append(item.sentence)
        words += count
    return chosen


def _sentences(passage: Passage) -> list[Sentence]:
    rows: list[Sentence] = []
    title, _, above = passage.title.partition("\n")
    # A passage that continues a table is given the header of its beginning.
    header = _cells(above) if above.startswith("|") else []
    heading = lead = ""
    for text, following in _lines(passage.text):
        around = f"{title} {heading} {lead}"
        if text.startswith("|"):
            cells = _cells(text)
            if _SEPARATOR.match(text):
                continue
            if _SEPARATOR.match(following):
                header = cells
                continue
            named = zip(header, cells, strict=False) if len(header) == len(cells) else (("", cell) for cell in cells)
            text = "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)
            rows.append(Sentence(passage.number, text, f"{around} {' '.join(header)}"))
            continue
        header = []
        if text.startswith("#"):
            heading, lead = text.lstrip("# "), ""
            continue
        text = " ".join(text.lstrip("-*• ").split())
        if text and len(text.split()) <= MAX_SENTENCE_WORDS:
            rows.append(Sentence(passage.number, text, around))
        lead = text if len(text.split()) <= 12 and text.endswith(":") else lead
    return rows


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Sentences and rows, each with the next one of its paragraph; an empty one after every paragraph."""
    for paragraph in text.split("\n\n"):
        said = [paragraph[start:end] for start, end in sentences.split(paragraph)]
        yield from pairwise([*said, "", ""])


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _words(grounding: Grounding, found: Sequence[Sentence]) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """How much of the question's words each sentence has, and whether only portable ones could be compared."""
    question, spoken = grounding.question, language.detect(grounding.question)
    wanted = matching.content_terms(question, spoken)
    portable = _portable(question)
    codes = {passage.number: passage.language for passage in grounding.passages}
    foreign = {
        number for number, code in codes.items() if language.UNDETERMINED not in (code, spoken) and code != spoken
    }
    bags = [frozenset(terms.terms(item.text, codes[item.passage])) for item in found]
    around = [frozenset(terms.terms(item.around, codes[item.passage])) for item in found]
    idf = grounding.term_idf or matching.rarity(bag | near for bag, near in zip(bags, around, strict=True))
    covered = [
        _covered(portable if item.passage in foreign else wanted, bag, near, idf)
        for item, bag, near in zip(found, bags, around, strict=True)
    ]
    return np.array(covered), np.array([item.passage in foreign for item in found])


def _portable(question: str) -> frozenset[str]:
    """Terms that are the same in every language: with a digit, or with a capital letter inside."""
    words = [word for word in question.split() if any(c.isdigit() or c.isupper() for c in word[1:])]
    return frozenset(terms.terms(" ".join(words), language.UNDETERMINED))


def _covered(wanted: frozenset[str], inside: frozenset[str], around: frozenset[str], idf: Mapping[str, float]) -> float:
    alone = matching.coverage(wanted, inside, idf)
    together = matching.coverage(wanted, inside | around, idf)
    return alone + CONTEXT_SHARE * (together - alone)


def _kind(question: str, found: Sequence[Sentence]) -> Scores:
    """1 where the sentence has the kind of thing that is asked for, else less."""
    kind = questions.answer_type(question)
    fits = [questions.may_answer(questions.without(item.text, question), kind) for item in found]
    return np.where(fits, 1.0, UNFIT)


def _named(grounding: Grounding, found: Sequence[Sentence]) -> Scores:
    """1 where the passage speaks of all that the question calls by name, else less."""
    spoken = language.detect(grounding.question)
    idf = grounding.term_idf

    def tells(name: str) -> bool:
        return (
            max((idf.get(term) or matching.UNKNOWN_IDF for term in terms.terms(name, spoken)), default=0) >= TELLING_IDF
        )

    wanted = [name for name in names.names(grounding.question, spoken) if tells(name)]
    lacking: set[int] = set()
    for passage in grounding.passages:
        foreign = language.UNDETERMINED not in (passage.language, spoken) and passage.language != spoken
        # Places and people may be called otherwise in another language.
        needed = [name for name in wanted if names.is_code(name)] if foreign else wanted
        text = f"{passage.title}\n{passage.text}"
        if not all(names.speaks_of(text, name) for name in needed):
            lacking.add(passage.number)
    return np.array([ANOTHER if sentence.passage in lacking else 1.0 for sentence in found])


async def _meaning(question: str, found: Sequence[Sentence], embedding: EmbeddingProvider) -> Scores:
    vectors = await embedding.embed_batch([f"{item.around.strip()}\n{item.text}" for item in found])
    cosines = np.asarray(vectors @ await embedding.embed_text(question), dtype=np.float64)
    cosines = rescaled(cosines, embedding.similarity_range)
    return np.clip((cosines - COSINE_LOW) / (COSINE_HIGH - COSINE_LOW), 0, 1)
