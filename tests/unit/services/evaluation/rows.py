"""What came back for a question, as tests need it."""

from __future__ import annotations

from typing import Any

from core.events import Outcome
from services.evaluation.answers import Cited, Row

RIGHT = Cited(file="rules.pdf", page=3, quote="Leave is 31 days.")
OTHER = Cited(file="rules.pdf", page=8, quote="Boots are black.")


def row(question: str, outcome: Outcome, *cited: Cited, answerable: bool = True, **more: Any) -> Row:
    """Page 3 of rules.pdf is right for what is answerable."""
    answered, right = outcome is Outcome.ANSWERED, [one for one in cited if one == RIGHT and answerable]
    return Row(
        question=question,
        answer="31 days" if answerable else None,
        file="rules.pdf" if answerable else None,
        page=3 if answerable else None,
        answered=" ".join(one.quote for one in cited) or "Nothing.",
        cited=cited,
        answerable=answerable,
        outcome=outcome,
        citations=len(cited) if answered else 0,
        right=len(right) if answered else 0,
        hit=answered and bool(right),
        shown=bool(right),
        in_text=answered and bool(right),
        **more,
    )


def hit(question: str, **more: Any) -> Row:
    return row(question, Outcome.ANSWERED, RIGHT, **more)


def missed(question: str, **more: Any) -> Row:
    return row(question, Outcome.REFUSED, **more)


def stated_wrongly(question: str, **more: Any) -> Row:
    return row(question, Outcome.ANSWERED, OTHER, answerable=False, **more)
