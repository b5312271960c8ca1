"""Are sets of questions read in each form, and bad ones refused with the place and the way out?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from core.errors import ValidationError
from services.evaluation.questions import Place, Question, QuestionSet, require_files
from services.evaluation.sets import read_question_set, read_retrieval_set

DOOR = {"question": "Which colour is the door?", "answers": [{"text": "red"}, {"text": "a red one"}, {"text": "red"}]}
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Boiler_house",
            "paragraphs": [
                {"context": "The door is red.", "qas": [DOOR]},
                {"context": "It burns coal.", "qas": [{"question": "Who built it?", "is_impossible": True}]},
            ],
        }
    ],
}
QUERIES: Sequence[Mapping[str, object]] = (
    {"_id": "1", "text": "Which colour is the door?", "answers": ["red", "a red one"]},
    {"_id": "2", "text": "What swims?"},
    {"_id": "3", "text": "Nobody judged this"},
    {"_id": "4", "text": "Judged to be nowhere"},
)


def lines(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return path


def beir(folder: Path, qrels: str = "qrels/test.tsv") -> Path:
    corpus = [{"_id": "a/1", "title": "House", "text": "The door is red."}, {"_id": "b", "text": "Otters swim."}]
    lines(folder / "corpus.jsonl", corpus)
    lines(folder / "queries.jsonl", QUERIES)
    (folder / qrels).parent.mkdir(exist_ok=True)
    judged = "query-id\tcorpus-id\tscore\n1\ta/1\t1\n2\tb\t2\n2\ta/1\t1\n4\tb\t0\n"
    (folder / qrels).write_text(judged, encoding="utf-8")
    return folder


def test_lines_may_name_one_place_or_several_and_one_wording_or_several(tmp_path: Path) -> None:
    path = lines(tmp_path / "q.jsonl", [
        {"question": "One?", "answer": "31", "file": "a.md", "page": 1},
        {"question": "None?", "answer": None, "file": None, "page": None},
        {"question": "Two\u2028lines?", "answer": "31", "answers": ["thirty-one"], "file": "a.md",
         "evidence": [{"file": "a.md", "page": 1}, {"file": "b.md", "page": 2}, {"file": "a.md", "page": 1}]},
    ])  # fmt: skip
    assert read_question_set(path) == QuestionSet(
        (
            Question("One?", "31", "a.md", 1),
            Question("None?", None, None, None),
            Question("Two\u2028lines?", "31", "a.md", 1, ("thirty-one",), (Place("b.md", 2),)),
        ),
        {},
    )


def test_paragraphs_of_squad_become_documents(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(SQUAD, indent=1), encoding="utf-8")
    found = read_question_set(path)
    assert found.documents == {
        "Boiler_house-0001.txt": b"Boiler house\n\nThe door is red.",
        "Boiler_house-0002.txt": b"Boiler house\n\nIt burns coal.",
    }
    assert found.questions == (
        Question("Which colour is the door?", "red", "Boiler_house-0001.txt", None, ("a red one",)),
        Question("Who built it?", None, None, None),
    )
    assert [one.answerable for one in found.questions] == [True, False]


def test_a_beir_folder_may_name_texts_without_an_answer(tmp_path: Path) -> None:
    found = read_question_set(beir(tmp_path))
    assert found.documents == {"a_1.txt": b"House\n\nThe door is red.", "b.txt": b"Otters swim."}
    door, otter, nowhere = found.questions
    assert door == Question("Which colour is the door?", "red", "a_1.txt", None, ("a red one",))
    assert otter == Question("What swims?", None, "b.txt", None, (), (Place("a_1.txt"),))
    assert (otter.answerable, otter.answers, nowhere.answerable) == (True, (), False)


def test_questions_without_an_answer_may_lie_beside_it(tmp_path: Path) -> None:
    lines(beir(tmp_path) / "queries.unanswerable.jsonl", [{"_id": "9", "text": "Who built it?", "answers": []}])
    assert read_question_set(tmp_path).questions[-1] == Question("Who built it?", None, None, None)


@pytest.mark.parametrize("name", ["qrels.tsv", "qrels/test.tsv"])
def test_judgements_are_found_where_beir_has_them_too(tmp_path: Path, name: str) -> None:
    data = read_retrieval_set(beir(tmp_path, name))
    assert data.qrels == {"1": {"a/1": 1}, "2": {"b": 2, "a/1": 1}, "4": {"b": 0}}
    assert list(data.queries) == ["1", "2", "4"]


def test_a_first_line_that_judges_is_not_taken_for_names(tmp_path: Path) -> None:
    (beir(tmp_path) / "qrels" / "test.tsv").write_text("1\ta/1\t1\n")
    assert read_retrieval_set(tmp_path).qrels == {"1": {"a/1": 1}}


def test_a_folder_of_files_and_questions_brings_its_documents(tmp_path: Path) -> None:
    lines(tmp_path / "qa.jsonl", [{"question": "One?", "answer": "31", "evidence": [{"file": "a.md", "page": 4}]}])
    with pytest.raises(ValidationError, match=r"There is no folder .*files"):
        read_question_set(tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.md").write_bytes(b"31 days")
    assert read_question_set(tmp_path) == QuestionSet((Question("One?", "31", "a.md", 4),), {"a.md": b"31 days"})


def test_the_same_few_are_drawn_each_time_and_all_documents_stay() -> None:
    whole = QuestionSet(tuple(Question(str(n), None, None, None) for n in range(100)), {"a": b"b"})
    drawn = whole.draw(10)
    assert drawn == whole.draw(10)
    assert drawn.documents == whole.documents
    numbers = [int(one.question) for one in drawn.questions]
    assert numbers == sorted(set(numbers))
    assert numbers != list(range(10))
    assert whole.draw(None) == whole.draw(1000) == whole


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is empty"),
        ("nonsense", "line 1: Invalid JSON"),
        ('{"question": "a"}\n{"answer": "b"}', "line 2: question: Field required"),
        ('{"question": ""}', "line 1: question: String should have at least 1 character"),
        ('{"question": "a", "page": "three"}', "line 1: page: Input should be a valid integer"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', r"data\.0\.paragraphs\.0\.context: Field required"),
    ],
)
def test_what_holds_no_questions_is_told_with_the_line_and_what_would(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(content)
    with pytest.raises(ValidationError, match=f"holds no questions: .*{why}.* Give JSON lines"):
        read_question_set(path)


def test_a_folder_with_neither_form_and_no_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"neither corpus\.jsonl nor qa\.jsonl is in it"):
        read_question_set(tmp_path)
    with pytest.raises(ValidationError, match="No such file or directory"):
        read_question_set(tmp_path / "absent")


@pytest.mark.parametrize("judged", ["query-id\tcorpus-id\tscore\n1\ta\n", "q\tc\ts\n1\ta\thigh\n"])
def test_judgements_that_are_none_are_told(tmp_path: Path, judged: str) -> None:
    (beir(tmp_path) / "qrels" / "test.tsv").write_text(judged)
    with pytest.raises(ValidationError, match=r"is not a retrieval set: .* It needs corpus\.jsonl"):
        read_question_set(tmp_path)


def test_documents_that_are_asked_for_and_missing_are_named() -> None:
    asked = [Question("One?", "31", "a.md", 1, (), (Place("b.md"),)), Question("Who?", None, None, None)]
    require_files(asked, {"b.md": b""})
    with pytest.raises(ValidationError, match=r"Documents of 1 of 2 questions are not there: a\.md\. Name their"):
        require_files(asked, {"c.md": b""})
