"""Are mistakes in what is asked of an evaluation told before hours are spent on it?"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ValidationError
from services.commands.eval import CORPUS, answers_command
from services.evaluation.report import Report
from tests.unit.services.evaluation.rows import hit

EXAMPLES = CORPUS.parent / "questions.jsonl"


def test_a_folder_to_write_into_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"There is no folder .* to write b\.json into"):
        answers_command(EXAMPLES, json_file=tmp_path / "a" / "b.json")
    with pytest.raises(ValidationError, match=r"There is no folder .* to write b\.html into"):
        answers_command(EXAMPLES, report=tmp_path / "a" / "b.html")


def test_a_former_run_must_be_one_and_of_these_questions(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is no former run"):
        answers_command(EXAMPLES, former=EXAMPLES)
    (tmp_path / "run.json").write_text(Report([hit("Something else?")]).json())
    with pytest.raises(ValidationError, match="asked none of these questions"):
        answers_command(EXAMPLES, former=tmp_path / "run.json")


def test_documents_must_be_those_that_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="There are no documents in"):
        answers_command(EXAMPLES, files=tmp_path)
    (tmp_path / "other.md").write_text("words")
    with pytest.raises(ValidationError, match="Documents of 40 of 60 questions are not there"):
        answers_command(EXAMPLES, files=tmp_path)
