"""How good are answers? Questions whose answers are known are asked as anybody would ask them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.events import Outcome
from core.identity import Principal
from services.bootstrap import Services
from services.evaluation.questions import Place, Question
from services.evaluation.scratch import Progress, nobody

MAX_SENTENCES, MAX_WORDS = 3, 80
PERCENTILES = {"p50_ms": 50, "p95_ms": 95}


class Cited(BaseModel):
    """A passage that was shown with an answer, or as one that comes closest."""

    model_config = ConfigDict(frozen=True)

    file: str
    page: int | None = None
    quote: str = ""


class Row(BaseModel):
    """A question and what came back.

    Attributes:
        citations: Of an answer; ``right`` of them are on a right page.
        hit: It was answered with a citation on a right page.
        shown: A right page was shown, in an answer or among the closest passages.
        in_text: The cited sentences hold the answer.
        ms: From the question to the end of the answer.
        confidence: How likely the best sentence answers, where who answered can tell.
    """

    model_config = ConfigDict(frozen=True)

    question: str
    answer: str | None
    file: str | None
    page: int | None
    also: tuple[str, ...] = ()
    elsewhere: tuple[Place, ...] = ()
    answered: str
    cited: tuple[Cited, ...]
    answerable: bool
    outcome: Outcome
    citations: int
    right: int
    hit: bool
    shown: bool
    in_text: bool
    ms: float | None = None
    confidence: float | None = None

    @property
    def went_wrong(self) -> bool:
        """It was answerable and is no hit, or it was not and got an answer."""
        return not self.hit if self.answerable else self.outcome is Outcome.ANSWERED

    @property
    def sentence_is_right(self) -> bool:
        """Whether the best sentence is on a right page, as far as is known.

        Of a question that was not answered only the passage that comes closest is known; where none was shown, the
        sentence counts as wrong.
        """
        if not self.answerable or self.outcome is Outcome.ANSWERED:
            return self.answerable and self.hit
        return bool(self.cited) and is_right(self.places, self.cited[0].file, self.cited[0].page)

    @property
    def places(self) -> tuple[Place, ...]:
        """Every right place."""
        return () if self.file is None else (Place(self.file, self.page), *self.elsewhere)


@dataclass(frozen=True, slots=True)
class Figure:
    """A share over questions: what each adds above and below the line."""

    name: str
    meaning: str
    parts: Callable[[Row], tuple[float, float]]
    lower_is_better: bool = False


def _squared_error(row: Row) -> tuple[float, float]:
    return (0, 0) if row.confidence is None else ((row.confidence - row.sentence_is_right) ** 2, 1)


FIGURES = (
    Figure(
        "hit_rate",
        "answerable questions answered with a citation on a right page",
        lambda row: (row.answerable and row.hit, row.answerable),
    ),
    Figure(
        "shown_rate",
        "answerable questions for which a right page was shown, in an answer or among the closest passages",
        lambda row: (row.answerable and row.shown, row.answerable),
    ),
    Figure(
        "citation_precision",
        "citations of answers that are on a right page",
        lambda row: (row.right, row.citations) if row.answerable else (0, 0),
    ),
    Figure(
        "answer_in_text",
        f"questions with a known answer that stands in at most {MAX_SENTENCES} cited sentences of {MAX_WORDS} words",
        lambda row: (row.in_text, row.answer is not None),
    ),
    Figure(
        "stated_wrongly",
        "unanswerable questions that got an answer",
        lambda row: (not row.answerable and row.outcome is Outcome.ANSWERED, not row.answerable),
        lower_is_better=True,
    ),
    Figure(
        "refused_answerable",
        "answerable questions for which nothing was shown",
        lambda row: (row.answerable and row.outcome is Outcome.REFUSED, row.answerable),
        lower_is_better=True,
    ),
    Figure(
        "brier",
        "mean squared distance between how sure it was and what came true",
        _squared_error,
        lower_is_better=True,
    ),
)


async def measure_answers(
    services: Services, principal: Principal, questions: Sequence[Question], *, progress: Progress = nobody
) -> list[Row]:
    """Ask them one after the other."""
    rows: list[Row] = []
    for question in questions:
        rows.append(await _one(services, principal, question))
        progress(len(rows), len(questions))
    return rows


def figures_of(rows: Sequence[Row]) -> dict[str, float | None]:
    """Every figure by its name; None where nothing is counted."""
    figures: dict[str, float | None] = {}
    for figure in FIGURES:
        above, below = np.sum([figure.parts(row) for row in rows] or [(0, 0)], axis=0)
        figures[figure.name] = round(float(above / below), 4) if below else None
    times = [row.ms for row in rows if row.ms is not None]
    for name, percent in PERCENTILES.items():
        figures[name] = round(float(np.percentile(times, percent)), 1) if times else None
    return figures


async def _one(services: Services, principal: Principal, question: Question) -> Row:
    started = time.perf_counter()
    run = await services.answering.ask(principal, question.question)
    done = await run.wait()
    ms = (time.perf_counter() - started) * 1000
    await services.chats.delete(principal, run.chat_id)
    answered, cited, usage = done.outcome is Outcome.ANSWERED, run.said.citations, run.said.usage
    right = [one for one in cited if is_right(question.places, one.filename, one.page)]
    quotes = [one.quote for one in cited]
    return Row(
        **asdict(question),
        answered=run.said.text,
        cited=tuple(Cited(file=one.filename, page=one.page, quote=one.quote) for one in cited),
        answerable=question.answerable,
        outcome=done.outcome,
        citations=len(cited) if answered else 0,
        right=len(right) if answered else 0,
        hit=answered and bool(right),
        shown=bool(right),
        in_text=answered and any(answer_in(quotes, answer) for answer in question.answers),
        ms=round(ms, 1),
        confidence=None if usage is None or usage.confidence is None else round(usage.confidence, 4),
    )


def is_right(places: Sequence[Place], file: str, page: int | None) -> bool:
    """Whether a passage stands in one of these places."""
    return any(file == place.file and place.page in (None, page) for place in places)


def answer_in(quotes: Sequence[str], answer: str) -> bool:
    """Whether at most three cited sentences of together 80 words hold the answer."""
    shown: list[str] = []
    for quote in quotes[:MAX_SENTENCES]:
        if sum(len(text.split()) for text in (*shown, quote)) <= MAX_WORDS:
            shown.append(quote)
    return _plain(answer) in _plain(" ".join(shown))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[*_`|#]", " ", text).casefold().split())
