"""What is asked, of which documents, and where does the answer stand?"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import ValidationError

Qrels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Texts, questions and which texts answer which question, by their ids."""

    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Qrels


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer stands; without a page, anywhere in the file."""

    file: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer and where it stands; neither means that the documents do not say.

    Attributes:
        also: The answer in other words.
        elsewhere: Further places that are as right.
    """

    question: str
    answer: str | None
    file: str | None
    page: int | None
    also: tuple[str, ...] = ()
    elsewhere: tuple[Place, ...] = ()

    @property
    def answerable(self) -> bool:
        """Whether the documents say it."""
        return self.answer is not None or self.file is not None

    @property
    def answers(self) -> tuple[str, ...]:
        """Every wording; none where only the place is known."""
        return () if self.answer is None else (self.answer, *self.also)

    @property
    def places(self) -> tuple[Place, ...]:
        """Every right place."""
        return () if self.file is None else (Place(self.file, self.page), *self.elsewhere)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions, and the documents that came with them, by name."""

    questions: tuple[Question, ...]
    documents: Mapping[str, bytes]

    def draw(self, limit: int | None) -> QuestionSet:
        """That many of the questions, the same ones each time, in their order; all of the documents."""
        if limit is None or limit >= len(self.questions):
            return self
        drawn = random.Random(0).sample(range(len(self.questions)), limit)  # noqa: S311 - guards nothing
        return QuestionSet(tuple(self.questions[number] for number in sorted(drawn)), self.documents)


def require_files(questions: Sequence[Question], names: Mapping[str, object]) -> None:
    """Whether the documents the questions are about are there.

    Raises:
        ValidationError: To a question none is.
    """
    lost = [one for one in questions if one.places and not any(place.file in names for place in one.places)]
    if lost:
        missing = ", ".join(sorted({one.file for one in lost if one.file})[:5])
        raise ValidationError(
            f"Documents of {len(lost)} of {len(questions)} questions are not there: {missing}.",
            next_step="Name their folder with --files, or correct `file` in the questions.",
        )
