"""What does a passage say, leaving out the orders in it?

A sentence that gives orders to whoever reads the passage for others, see ``core.text.orders``, is no ground for an
answer: a model that obeys it would else find its words there and pass as truthful.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from core.events import Support
from core.text import language, orders, terms
from core.types import Candidate

GAP = " […] "
"""Stands for what was left out."""


@lru_cache(maxsize=2048)
def without_orders(passage: str) -> str:
    """The passage, with a gap for each order; the same text when there is none."""
    kept, position = "", 0
    for order in orders.find(passage):
        if order.end > position:
            kept += passage[position : max(order.start, position)].rstrip() + GAP
            position = order.end
    return (kept + passage[position:].lstrip()).strip() if position else passage


def ordered_words(evidence: Sequence[Candidate]) -> frozenset[str] | None:
    """Terms that the passages have in orders alone; None when they hold no order.

    Takes milliseconds for each passage that was not looked over before.
    """
    whole, carried = set[str](), set[str]()
    held = False
    for candidate in evidence:
        text = candidate.chunk.content
        rest = without_orders(text)
        held |= rest != text
        whole |= _terms(text)
        carried |= _terms(rest)
    return frozenset(whole - carried) if held else None


def is_ordered(sentence: str, support: Support, ordered: frozenset[str] | None) -> bool:
    """Whether a sentence of an answer may say what a passage ordered: no passage carries it, or a word of it."""
    if ordered is None:
        return False
    return support is Support.UNSUPPORTED or not ordered.isdisjoint(_terms(sentence))


def _terms(text: str) -> set[str]:
    return set(terms.terms(text, language.detect(text)))
