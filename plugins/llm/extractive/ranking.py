"""Which sentences of the evidence answer the question?"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.text import language, sentences, terms
from core.types import Passage
from plugins.interfaces import EmbeddingProvider

LEXICAL, MEANING, PASSAGE, KIND = 1.0, 1.0, 0.5, 0.15
CONTEXT_SHARE = 0.35
"""What a term of the headings or of the sentence before counts, against one in the sentence itself."""
MAX_CANDIDATES = 120
MAX_SENTENCE_WORDS = 80

_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|long|often|old|far|large|big|high|fast|hot|cold|heavy)|when|what (?:year|date|time|day|"
    r"price|percentage|amount|number|rate)|wie (?:viele?|lange|oft|hoch|gro(?:ß|ss)|teuer)|wann|combien|quand|"
    r"cu[aá]nt[oa]s?|cu[aá]ndo)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:who|whom|whose|wer|wem|wen|qui|qui[eé]n)\b", re.IGNORECASE)
_NAME = re.compile(r"\b[^\W\d_a-zß-ÿ][\w'’-]+\s+[^\W\d_a-zß-ÿ][\w'’-]+")
_SEPARATOR = re.compile(r"^\|[\s:|-]+\|$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or table row of a passage; ``text`` is how it is quoted."""

    passage: int
    position: int
    text: str
    before: str


async def best_sentences(
    question: str, passages: Sequence[Passage], embedding: EmbeddingProvider | None, *, limit: int, max_words: int
) -> list[Sentence]:
    """At most ``limit`` sentences of together ``max_words`` words, best first."""
    found = [sentence for passage in passages for sentence in _sentences(passage)][:MAX_CANDIDATES]
    if not found:
        return []
    scores = _lexical(question, found, passages)
    if embedding is not None:
        texts = [f"{sentence.before} {sentence.text}".strip() for sentence in found]
        vectors = await embedding.embed_batch(texts)
        scores = scores + MEANING * np.clip(vectors @ await embedding.embed_text(question), 0, 1)
    by_number = {passage.number: passage.score for passage in passages}
    top = max(by_number.values(), default=0.0) or 1.0
    scores = scores + np.array([PASSAGE * by_number[s.passage] / top + KIND * _fits(question, s.text) for s in found])
    return _choose(found, scores, limit, max_words)


def _sentences(passage: Passage) -> list[Sentence]:
    rows: list[Sentence] = []
    header: list[str] = []
    before = ""
    for position, (start, end) in enumerate(sentences.split(passage.text)):
        text = passage.text[start:end]
        if text.startswith("|"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            if _SEPARATOR.match(text):
                continue
            if not header:
                header = cells
                continue
            pairs = zip(header, cells, strict=False) if len(header) == len(cells) else (("", cell) for cell in cells)
            text = "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
        else:
            header = []
        if text.startswith("#"):
            before = text.lstrip("# ")
            continue
        text = " ".join(text.lstrip("-*• ").split())
        if text and len(text.split()) <= MAX_SENTENCE_WORDS:
            rows.append(Sentence(passage.number, position, text, before))
        before = text if len(text.split()) <= 12 and text.endswith(":") else before
    return rows


def _lexical(question: str, found: Sequence[Sentence], passages: Sequence[Passage]) -> np.ndarray:
    wanted = set(terms.terms(question, language.detect(question)))
    codes = {passage.number: language.detect(passage.text) for passage in passages}
    titles = {p.number: set(terms.terms(p.title, codes[p.number])) for p in passages}
    bags = [set(terms.terms(s.text, codes[s.passage])) for s in found]
    near = [set(terms.terms(s.before, codes[s.passage])) | titles[s.passage] for s in found]
    frequency = Counter(term for bag in bags for term in bag)
    weight = {term: math.log(1 + len(found) / (1 + frequency[term])) for term in wanted}
    total = sum(weight.values()) or 1.0
    return np.array(
        [
            LEXICAL
            * sum(w * (1.0 if t in bag else CONTEXT_SHARE if t in around else 0.0) for t, w in weight.items())
            / total
            for bag, around in zip(bags, near, strict=True)
        ]
    )


def _fits(question: str, text: str) -> float:
    """Whether the sentence has the kind of thing the question asks for."""
    if _QUANTITY.search(question):
        return 1.0 if any(c.isdigit() for c in text) else -1.0
    if _PERSON.search(question):
        return 1.0 if _NAME.search(text) else -0.5
    return 0.0


def _choose(found: Sequence[Sentence], scores: np.ndarray, limit: int, max_words: int) -> list[Sentence]:
    chosen: list[Sentence] = []
    words = 0
    for index in np.argsort(-scores):
        sentence = found[index]
        count = len(sentence.text.split())
        if words + count > max_words or any(sentence.text == other.text for other in chosen):
            continue
        chosen.append(sentence)
        words += count
        if len(chosen) == limit:
            break
    return chosen
