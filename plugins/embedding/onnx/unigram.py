"""How is a text cut into the pieces of a unigram vocabulary (Kudo 2018, SentencePiece)?

The best path over all pieces (Viterbi); no piece goes beyond a word. A quarter of a million pieces would take 40 MB as
a dictionary of Python and 280 MB in the library tokenizers; here they are 64-bit hashes in order, 4 MB, and all
substrings of many words are looked up at once. Words met before are remembered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from plugins.embedding.onnx.packed import Vocabulary

SPACE = "\u2581"
"""Begins every word."""
UNKNOWN_PENALTY = 10.0
"""How far below the rarest piece a character is that no piece has."""
REMEMBERED = 20_000
LONGEST_WORD = 2_000
"""Longer ones are cut there; text without spaces seldom goes on for so long."""
AT_ONCE = 8_000
"""Characters whose substrings are looked up together: some MB."""
_WORD = re.compile(rf"[^ ]{{1,{LONGEST_WORD}}}")
_ODD = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_ODD), -1, 1 << 64))
Hashes = npt.NDArray[np.uint64]
Pieces = tuple[tuple[int, int], ...]
"""Of a word: id and length of each piece; the first counts the mark that begins the word."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids, and the span of characters of the text each stands for."""

    ids: list[int]
    spans: list[tuple[int, int]]


class Unigram:
    """Cuts texts into pieces; safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        hashes, lengths = _piece_hashes(vocabulary)
        special = [vocabulary.first, vocabulary.last, vocabulary.padding, vocabulary.unknown]
        usable = (lengths > 0) & (vocabulary.scores < 0)
        # Marks such as </s> are not to be had by writing them into a text.
        usable[special] = False
        ids = np.flatnonzero(usable)
        ids = ids[np.argsort(hashes[ids])]
        self._hashes, self._ids = hashes[ids], ids.astype(np.int32)
        self._scores = np.array(vocabulary.scores[ids])
        self._longest = int(lengths[ids].max(initial=1))
        self._unknown = vocabulary.unknown
        self._unknown_score = float(vocabulary.scores.min()) - UNKNOWN_PENALTY
        self._table = vocabulary.characters
        self._uneven = frozenset(chr(code) for code, new in vocabulary.characters.items() if len(new) != 1)
        self._known: dict[str, Pieces] = {}

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Pieces of each text, without marks at its ends."""
        normal = [self._normalised(text) for text in texts]
        words = [list(_WORD.finditer(text)) for text, _ in normal]
        pieces = self._pieces({word[0] for found in words for word in found})
        return [
            _tokens(found, pieces, origins, len(text), self._unknown)
            for found, (_, origins), text in zip(words, normal, texts, strict=True)
        ]

    def _normalised(self, text: str) -> tuple[str, list[int] | None]:
        """The text as the model knows it, and where each of its characters began; None when nothing has moved."""
        if self._uneven.isdisjoint(text) and unicodedata.is_normalized("NFC", text):
            return text.translate(self._table), None
        parts: list[str] = []
        origins: list[int] = []
        for start, end in _clusters(text):
            composed = unicodedata.normalize("NFC", text[start:end])
            # Marks are joined to their letter, but not put into another order: the model has not seen that.
            part = (composed if len(composed) < end - start else text[start:end]).translate(self._table)
            parts.append(part)
            origins += [start] * len(part)
        return "".join(parts), origins

    def _pieces(self, words: set[str]) -> dict[str, Pieces]:
        known = self._known
        found = {word: pieces for word in words if (pieces := known.get(word)) is not None}
        for batch in _batches([word for word in words if word not in found]):
            found |= zip(batch, self._cut(batch), strict=True)
        if len(known) + len(words) > REMEMBERED:
            self._known = known = {}
        if len(words) <= REMEMBERED:
            known.update(found)
        return found

    def _cut(self, words: Sequence[str]) -> Iterator[Pieces]:
        """One walk over all words: each begins with the mark that no piece has inside, so no path crosses words."""
        text = "".join(SPACE + word for word in words)
        came, piece = self._paths(text)
        at = len(text)
        backwards = []
        while at > 0:
            backwards.append((piece[at], at - came[at]))
            at = came[at]
        forwards = reversed(backwards)
        for word in words:
            taken, pieces = 0, []
            while taken <= len(word):
                pieces.append(next(forwards))
                taken += pieces[-1][1]
            yield tuple(pieces)

    def _paths(self, text: str) -> tuple[list[int], list[int]]:
        """Of the best path to each place in the text: where its last piece begins, and that piece's id."""
        starts, lengths, ids, scores = self._matches(text)
        size = len(text)
        best, came, piece = [0.0] + [-np.inf] * size, [0] * (size + 1), [self._unknown] * (size + 1)
        firsts = np.searchsorted(starts, np.arange(size + 1)).tolist()
        edges = list(zip(lengths.tolist(), ids.tolist(), scores.tolist(), strict=True))
        for start, (begin, end) in enumerate(pairwise(firsts)):
            base = best[start]
            for length, identity, score in edges[begin:end]:
                if base + score > best[start + length]:
                    best[start + length], came[start + length], piece[start + length] = base + score, start, identity
            if base + self._unknown_score > best[start + 1]:
                best[start + 1], came[start + 1] = base + self._unknown_score, start
                piece[start + 1] = self._unknown
        return came, piece

    def _matches(self, text: str) -> tuple[npt.NDArray[np.intp], ...]:
        """Every piece in the text, by its start: starts, lengths, ids and scores."""
        codes = _codes(text)
        sums, powers = _sums(codes)
        # Up to where pieces that begin here can reach: the longest piece, or the end of the word.
        marks = np.append(np.flatnonzero(codes == ord(SPACE)), len(codes))
        places = np.arange(len(codes))
        reach = np.minimum(marks[np.searchsorted(marks, places, side="right")] - places, self._longest)
        starts, lengths = np.nonzero(np.arange(1, self._longest + 1) <= reach[:, None])
        lengths += 1
        hashes = (sums[starts + lengths] - sums[starts]) * powers[starts]
        found = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        fits = self._hashes[found] == hashes
        found = found[fits]
        return starts[fits], lengths[fits], self._ids[found], self._scores[found]


# -- hashes


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _sums(codes: npt.NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Sums over the beginnings of a text, and the factor by which a difference of two becomes a hash.

    The hash of characters c is the sum of mixed(c[j]) · odd**j modulo 2**64; times the inverse of odd**i it is the same
    wherever the characters stand. Two of 250,000 pieces, or a substring and a piece it is not, share a hash with a
    probability of about 1e-14.
    """
    mixed = codes.astype(np.uint64) + np.uint64(1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    powers = np.ones(len(codes), np.uint64)
    powers[1:] = _ODD
    inverse = np.ones(len(codes), np.uint64)
    inverse[1:] = _INVERSE
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(mixed * np.cumprod(powers), out=sums[1:])
    return sums, np.cumprod(inverse)


def _piece_hashes(vocabulary: Vocabulary) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hash and length in characters of each piece."""
    raw = np.frombuffer(vocabulary.text, np.uint8)
    before = np.zeros(len(raw) + 1, np.int64)
    np.cumsum((raw & 0xC0) != 0x80, out=before[1:])
    ends = before[vocabulary.ends]
    sums, powers = _sums(_codes(vocabulary.text.decode("utf-8")))
    starts = np.minimum(ends[:-1], len(powers) - 1)
    return (sums[ends[1:]] - sums[ends[:-1]]) * powers[starts], np.diff(ends)


# -- texts


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """A character with the accents that follow it."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not unicodedata.combining(text[end]):
            yield start, end
            start = end


def _batches(words: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for word in words:
        if batch and size + len(word) > AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(word)
        size += len(word)
    if batch:
        yield batch


def _tokens(
    words: Sequence[re.Match[str]],
    pieces: dict[str, Pieces],
    origins: Sequence[int] | None,
    size: int,
    unknown: int,
) -> Tokens:
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    for word in words:
        end = word.start() - 1
        for identity, length in pieces[word[0]]:
            start, end = end, end + length
            # Neighbours that no piece has are one, as in training.
            if identity == unknown and ids[-1:] == [unknown]:
                spans[-1] = (spans[-1][0], end)
                continue
            ids.append(identity)
            spans.append((max(start, word.start()), end))
    if origins is not None:
        places = [*origins, size]
        spans = [(places[start], places[end]) for start, end in spans]
    return Tokens(ids, spans)
