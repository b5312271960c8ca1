"""How much does a passage sound like somebody who gives orders to an assistant?

A linear model over hashed runs of 2 to 5 characters, words and pairs of words, and over the concepts of
``core.text.order_words`` with their pairs. ``benchmarks/orders.py`` trains it; ``docs/evaluation.md`` has its figures.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from core.text import order_words as words

FILE = "order_weights.npz"
BITS = 16
HASHED = 1 << BITS
_WORDS: tuple[words.Words | re.Pattern[str], ...] = (
    words.IGNORE,
    words.BEFORE,
    words.SECRET,
    words.PRIVATE,
    words.PERSON,
    words.TELL,
    words.INNOCENT,
    words.REQUEST,
    words.IMAGINE,
    words.FORM,
    words.MACHINE,
    words.YOU,
    re.compile(r"[?？؟]"),
    re.compile(r"<[a-z!/]"),
    re.compile(r"[\"“„「『]|(?<!\w)'"),
)
CONCEPTS = len(_WORDS)
SECRET, INNOCENT = _WORDS.index(words.SECRET), _WORDS.index(words.INNOCENT)
SIZE = HASHED + CONCEPTS + CONCEPTS * CONCEPTS
_OF_A_CONCEPT = 0.15
"""What a concept counts, beside a unit vector of runs and words."""
_FNV, _SPREAD = np.uint32(16777619), np.uint32(2654435761)
_TOKEN = re.compile(r"\w+|[^\w\s]")
Ints = npt.NDArray[np.int32]


def concepts(plain: str) -> frozenset[int]:
    """Numbers of the concepts that occur in a folded text."""
    return frozenset(number for number, pattern in enumerate(_WORDS) if pattern.search(plain))


def features(plain: str, found: Collection[int]) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Places and values of a passage, of ``SIZE`` places, from its folded text and the concepts in it."""
    hashed = _hashed(plain)
    numbers = sorted(found)
    pairs = [CONCEPTS + low * CONCEPTS + high for high in numbers for low in numbers if low < high]
    places = np.array([*numbers, *pairs], np.int32) + HASHED
    values = np.full(len(hashed) + len(places), _OF_A_CONCEPT, np.float32)
    values[: len(hashed)] = 1 / np.sqrt(max(len(hashed), 1))
    return np.concatenate([hashed, places]).astype(np.int32), values


def _hashed(plain: str) -> Ints:
    text = re.sub(r"\d", "0", f" {plain} ")
    letters = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    found = []
    with np.errstate(over="ignore"):
        for length in (2, 3, 4, 5):
            count = len(letters) - length + 1
            if count <= 0:
                break
            run = np.full(count, length * 7919, np.uint32)
            for place in range(length):
                run = (run ^ letters[place : place + count]) * _FNV
            found.append(run * _SPREAD)
        tokens = np.array([zlib.crc32(token.encode("utf-8", "replace")) for token in _TOKEN.findall(text)], np.uint32)
        found.append(tokens * _SPREAD)
        found.append((tokens[:-1] * np.uint32(31) + tokens[1:] * np.uint32(17)) * _SPREAD)
    return np.unique(np.concatenate(found) >> np.uint32(32 - BITS)).astype(np.int32)


@dataclass(frozen=True, slots=True)
class OrderModel:
    """Weights of ``SIZE`` places.

    Attributes:
        bias: Such that a score above 0 is an order.
    """

    weights: npt.NDArray[np.float32]
    bias: float

    def score(self, plain: str, found: Collection[int]) -> float:
        """Above 0 for an order, the greater the plainer."""
        places, values = features(plain, found)
        return float(self.weights[places] @ values) + self.bias


def pack(model: OrderModel) -> dict[str, npt.NDArray[np.generic]]:
    """As it is stored: a byte for each weight of what is hashed."""
    scale = float(np.abs(model.weights[:HASHED]).max()) / 127 or 1.0
    return {
        "hashed": np.round(model.weights[:HASHED] / scale).astype(np.int8),
        "concepts": model.weights[HASHED:].astype(np.float32),
        "scale_and_bias": np.array([scale, model.bias], np.float32),
    }


@cache
def load() -> OrderModel:
    """The model that is shipped, read once."""
    with (files("core.text") / FILE).open("rb") as file, np.load(file, allow_pickle=False) as stored:
        scale, bias = stored["scale_and_bias"]
        weights = np.concatenate([stored["hashed"].astype(np.float32) * scale, stored["concepts"]])
    return OrderModel(weights, float(bias))
