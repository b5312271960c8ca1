"""Which sentences of the evidence come nearest to an answer?

A sentence earns by the question's words in it and around it, by its meaning, by the rank of its passage and by what
that speaks of, by having the kind of thing that is asked for, and by its passage having what the question calls by
name. Words are compared for all; meaning, which costs more, only for the few that are best by words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.similarity import rescaled
from core.text import language, matching, names, questions, terms
from core.text.quotable import Sentence, sentences_of
from core.types import Grounding
from plugins.interfaces import EmbeddingProvider

WORDS, MEANING, RANK, PASSAGE = 0.33, 0.31, 0.24, 0.12
"""Shares of a sentence's score, which lies between 0 and 1."""
CONTEXT_SHARE = 0.5
"""What a word counts that stands in headings or the row's table header, against one in the sentence itself."""
BESIDE = 0.15
"""What words in the neighbouring sentences count where it is decided which sentences are looked at."""
SAME_MEANING = 0.8
"""Similarity of a question and the sentence that answers it in other words."""
FOREIGN_WORDS = 0.5
"""Across languages only names, codes and numbers can be compared: they say half of what words else say."""
UNFIT = ANOTHER = 0.75
"""What is left of the score of a sentence without the kind of thing that is asked for, and of one in a passage that
does not speak of a thing that the question calls by name."""
TELLING_IDF = 2.0
"""Names in more than about a seventh of the passages tell nothing apart: the company's own."""
LOOKED_AT = 8
"""Sentences whose meaning is compared, and as many in other languages, of which words know little."""

Scores = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence, how well it answers beside others (0–1), and what its answer would rest on.

    Attributes:
        meaning: Similarity to the question (``core.similarity``), or its share of the question's words without a model.
        fits: Whether it has the kind of thing that is asked for.
        foreign: Whether it is in another language than the question.
    """

    sentence: Sentence
    score: float
    meaning: float
    fits: bool = True
    foreign: bool = False


async def rank(grounding: Grounding, embedding: EmbeddingProvider | None) -> tuple[Scored, ...]:
    """Sentences of the passages, best first; only those that were looked at."""
    found = [sentence for passage in grounding.passages for sentence in sentences_of(passage)]
    if not found:
        return ()
    words, spoken_of, foreign = _words(grounding, found)
    fits = _fits(grounding.question, found)
    ranks = _ranks(grounding, found)
    kept = _worth_a_look(grounding, found, words + RANK * ranks, fits, foreign)
    found, words, spoken_of, ranks, fits, foreign = (
        [found[i] for i in kept], words[kept], spoken_of[kept], ranks[kept], fits[kept], foreign[kept]
    )  # fmt: skip
    meaning = await _meaning(grounding.question, found, embedding) if embedding is not None else words
    alike = np.clip(meaning / SAME_MEANING, 0, 1)
    # What words leave open between languages, meaning has to say.
    said = np.where(foreign, FOREIGN_WORDS * words + (1 - FOREIGN_WORDS) * alike, words)
    scores = WORDS * said + MEANING * alike + RANK * ranks + PASSAGE * spoken_of
    scores = scores * np.where(fits, 1.0, UNFIT) * _named(grounding, found)
    order = np.argsort(-scores, kind="stable")
    return tuple(Scored(found[i], float(scores[i]), float(meaning[i]), bool(fits[i]), bool(foreign[i])) for i in order)


def choose(ranked: Sequence[Scored], *, near: float, limit: int, max_words: int) -> list[Sentence]:
    """The best sentence, and those that reach ``near`` times its score."""
    chosen: list[Sentence] = []
    words = 0
    for item in ranked:
        if item.score < near * ranked[0].score or len(chosen) == limit:
            break
        count = len(item.sentence.text.split())
        if words + count > max_words or any(_says_the_same(item.sentence, other) for other in chosen):
            continue
        chosen.append(item.sentence)
        words += count
    return chosen


def _says_the_same(one: Sentence, other: Sentence) -> bool:
    return one.text in other.text or other.text in one.text


def _ranks(grounding: Grounding, found: Sequence[Sentence]) -> Scores:
    top = max((passage.score for passage in grounding.passages), default=0.0) or 1.0
    by_number = {passage.number: passage.score / top for passage in grounding.passages}
    return np.array([by_number[sentence.passage] for sentence in found])


def _words(grounding: Grounding, found: Sequence[Sentence]) -> tuple[Scores, Scores, Marks]:
    """How much of the question's words each sentence has and its passage has, and which are in other languages."""
    spoken = language.detect(grounding.question)
    wanted, portable = matching.content_terms(grounding.question, spoken), _portable(grounding.question)
    codes = {passage.number: passage.language for passage in grounding.passages}
    foreign = {number for number, code in codes.items() if language.differ(code, spoken)}
    bags = [frozenset(terms.terms(item.text, codes[item.passage])) for item in found]
    around = [frozenset(terms.terms(item.around, codes[item.passage])) for item in found]
    idf = grounding.term_idf or matching.rarity(bag | near for bag, near in zip(bags, around, strict=True))
    covered = [
        _covered(portable if item.passage in foreign else wanted, bag, near, idf)
        for item, bag, near in zip(found, bags, around, strict=True)
    ]
    whole = {
        passage.number: matching.coverage(
            wanted, frozenset(terms.terms(f"{passage.title} {passage.text}", passage.language)), idf
        )
        for passage in grounding.passages
    }
    return (
        np.array(covered),
        np.array([whole[item.passage] for item in found]),
        np.array([item.passage in foreign for item in found]),
    )


def _portable(question: str) -> frozenset[str]:
    """Terms that are the same in every language: with a digit, or with a capital letter inside."""
    words = [word for word in question.split() if any(c.isdigit() or c.isupper() for c in word[1:])]
    return frozenset(terms.terms(" ".join(words), language.UNDETERMINED))


def _covered(wanted: frozenset[str], inside: frozenset[str], around: frozenset[str], idf: Mapping[str, float]) -> float:
    alone = matching.coverage(wanted, inside, idf)
    together = matching.coverage(wanted, inside | around, idf)
    return alone + CONTEXT_SHARE * (together - alone)


def _worth_a_look(
    grounding: Grounding, found: Sequence[Sentence], worth: Scores, fits: Marks, foreign: Marks
) -> list[int]:
    """Positions of the few best by words, and of the few best in other languages by rank and kind; in their order."""
    spoken = language.detect(grounding.question)
    wanted = matching.content_terms(grounding.question, spoken)
    codes = {passage.number: passage.language for passage in grounding.passages}
    beside = [
        matching.coverage(wanted, frozenset(terms.terms(item.beside, codes[item.passage])), grounding.term_idf)
        for item in found
    ]
    worth = (worth + BESIDE * np.array(beside)) * np.where(fits, 1.0, UNFIT)
    order = np.argsort(-worth, kind="stable")
    own, others = (order[foreign[order] == other][:LOOKED_AT] for other in (False, True))
    return sorted({int(position) for position in (*own, *others)})


def _fits(question: str, found: Sequence[Sentence]) -> Marks:
    """Whether each sentence has the kind of thing that is asked for."""
    kind = questions.answer_type(question)
    return np.array([questions.may_answer(questions.without(item.text, question), kind) for item in found])


def _named(grounding: Grounding, found: Sequence[Sentence]) -> Scores:
    """1 where the passage speaks of all that the question calls by name, else less."""
    lacking = {number for number, lacks in _lacking(grounding) if lacks}
    return np.array([ANOTHER if sentence.passage in lacking else 1.0 for sentence in found])


def _lacking(grounding: Grounding) -> Iterator[tuple[int, bool]]:
    """Passages by number, each with whether it lacks a thing that the question calls by name."""
    spoken, idf = language.detect(grounding.question), grounding.term_idf

    def tells(name: str) -> bool:
        found = (idf.get(term) or matching.UNKNOWN_IDF for term in terms.terms(name, spoken))
        return max(found, default=0) >= TELLING_IDF

    wanted = [name for name in names.names(grounding.question, spoken) if tells(name)]
    for passage in grounding.passages:
        # Places and people may be called otherwise in another language.
        foreign = language.differ(passage.language, spoken)
        needed = [name for name in wanted if names.is_code(name)] if foreign else wanted
        text = f"{passage.title}\n{passage.text}"
        yield passage.number, not all(names.speaks_of(text, name) for name in needed)


async def _meaning(question: str, found: Sequence[Sentence], embedding: EmbeddingProvider) -> Scores:
    vectors = await embedding.embed_batch([f"{item.around.strip()}\n{item.text}" for item in found])
    cosines = np.asarray(vectors @ await embedding.embed_text(question), dtype=np.float64)
    return rescaled(cosines, embedding.similarity_range)
