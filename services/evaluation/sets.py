"""How are sets of questions read, in our form and in those that others publish?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import AliasChoices, BaseModel, Field
from pydantic import ValidationError as Misfit

from core.errors import ValidationError
from services.evaluation.questions import Place, Question, QuestionSet, RetrievalSet

QRELS = ("qrels.tsv", "qrels/test.tsv")
_Form = TypeVar("_Form", bound=BaseModel)
FORMS = (
    "Give JSON lines {question, answer, file, page}, a SQuAD file, a folder with corpus.jsonl, queries.jsonl and "
    "qrels.tsv, or a folder with qa.jsonl and files/."
)


def read_question_set(path: Path) -> QuestionSet:
    """JSON lines, a SQuAD 2.0 file, a BEIR folder, or a folder with ``qa.jsonl`` and ``files``.

    Raises:
        ValidationError: It is none of these.
    """
    try:
        if (path / "corpus.jsonl").exists():
            found = _beir(path)
        elif (path / "qa.jsonl").exists():
            found = QuestionSet(tuple(_asked(path / "qa.jsonl")), contents(path / "files"))
        elif path.is_dir():
            raise ValueError("neither corpus.jsonl nor qa.jsonl is in it")
        else:
            found = _squad(path) or QuestionSet(tuple(_asked(path)), {})
        if not found.questions:
            raise ValueError("it is empty")
    except (OSError, ValueError) as error:
        raise ValidationError(f"{path} holds no questions: {_why(error)}.", next_step=FORMS) from error
    return found


def read_questions(path: Path) -> list[Question]:
    """The questions alone; see ``read_question_set``."""
    return list(read_question_set(path).questions)


def read_retrieval_set(folder: Path) -> RetrievalSet:
    """A folder with ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.tsv`` or, as BEIR has it, ``qrels/test.tsv``.

    Raises:
        ValidationError: One of them is missing or not of that form.
    """
    try:
        corpus = {text.id: text.whole for text in _read(folder / "corpus.jsonl", _Text)}
        queries = {query.id: query.text for query in _read(folder / "queries.jsonl", _Query)}
        qrels = _qrels(folder)
    except (OSError, ValueError) as error:
        raise ValidationError(
            f"{folder} is not a retrieval set: {_why(error)}.",
            next_step="It needs corpus.jsonl, queries.jsonl {_id, text} and qrels.tsv or qrels/test.tsv.",
        ) from error
    return RetrievalSet(corpus, {key: text for key, text in queries.items() if key in qrels}, qrels)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names.

    Raises:
        ValidationError: There is no such folder.
    """
    if not folder.is_dir():
        raise ValidationError(f"There is no folder {folder}.", next_step="Name one that holds the documents.")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


# -- the forms


class _Found(BaseModel):
    file: str
    page: int | None = None


class _Asked(BaseModel):
    question: str = Field(min_length=1)
    answer: str | None = None
    answers: tuple[str, ...] = ()
    file: str | None = None
    page: int | None = None
    evidence: tuple[_Found, ...] = ()


class _Text(BaseModel):
    id: str = Field(validation_alias="_id")
    title: str | None = None
    text: str

    @property
    def whole(self) -> str:
        return f"{self.title or ''}\n\n{self.text}".strip()


class _Query(BaseModel):
    id: str = Field(validation_alias="_id")
    text: str = Field(validation_alias=AliasChoices("text", "question"), min_length=1)
    answers: tuple[str, ...] = ()


class _SquadAnswer(BaseModel):
    text: str


class _SquadQuestion(BaseModel):
    question: str
    answers: tuple[_SquadAnswer, ...] = ()
    is_impossible: bool = False


class _SquadParagraph(BaseModel):
    context: str
    qas: tuple[_SquadQuestion, ...]


class _SquadArticle(BaseModel):
    title: str = ""
    paragraphs: tuple[_SquadParagraph, ...]


class _Squad(BaseModel):
    data: tuple[_SquadArticle, ...]


def _asked(path: Path) -> Iterator[Question]:
    for one in _read(path, _Asked):
        places = [Place(found.file, found.page) for found in one.evidence]
        if one.file is not None and not places:
            places = [Place(one.file, one.page)]
        yield _question(one.question, [*filter(None, (one.answer,)), *one.answers], places)


def _question(text: str, answers: Sequence[str], places: Sequence[Place]) -> Question:
    answer, *also = dict.fromkeys(answers) or (None,)
    place, *elsewhere = dict.fromkeys(places) or (None,)
    file, page = (place.file, place.page) if place else (None, None)
    return Question(text, answer, file, page, tuple(filter(None, also)), tuple(filter(None, elsewhere)))


def _squad(path: Path) -> QuestionSet | None:
    """None when it is no JSON object with ``data``."""
    text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
    except ValueError:
        return None
    if not isinstance(whole, dict) or "data" not in whole:
        return None
    questions: list[Question] = []
    names: dict[str, str] = {}
    for article in _Squad.model_validate(whole).data:
        for paragraph in article.paragraphs:
            written = f"{article.title.replace('_', ' ')}\n\n{paragraph.context}".strip()
            name = names.setdefault(written, f"{_slug(article.title)}-{len(names) + 1:04}.txt")
            questions += (_of_squad(one, name) for one in paragraph.qas)
    return QuestionSet(tuple(questions), {name: written.encode() for written, name in names.items()})


def _of_squad(one: _SquadQuestion, name: str) -> Question:
    if one.is_impossible:
        return Question(one.question, None, None, None)
    return _question(one.question, [answer.text for answer in one.answers], [Place(name)])


def _beir(folder: Path) -> QuestionSet:
    data = read_retrieval_set(folder)
    questions = [
        _question(query.text, query.answers, [Place(_file(key)) for key, grade in graded.items() if grade > 0])
        for query in _read(folder / "queries.jsonl", _Query)
        if (graded := data.qrels.get(query.id))
    ]
    others = folder / "queries.unanswerable.jsonl"
    if others.exists():
        questions += (Question(query.text, None, None, None) for query in _read(others, _Query))
    return QuestionSet(tuple(questions), {_file(key): (text or key).encode() for key, text in data.corpus.items()})


def _file(key: str) -> str:
    return key.replace("/", "_").replace("\\", "_") + ".txt"


def _slug(title: str) -> str:
    return re.sub(r"\W+", "_", title).strip("_")[:100] or "text"


def _qrels(folder: Path) -> dict[str, dict[str, int]]:
    path = next((folder / name for name in QRELS if (folder / name).exists()), folder / QRELS[0])
    qrels: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").rstrip().split("\n"), start=1):
        fields = line.split("\t")
        if len(fields) >= 3 and fields[2].lstrip("-").isdigit():
            qrels.setdefault(fields[0], {})[fields[1]] = int(fields[2])
        elif len(fields) < 3 or number > 1:  # the first line may name the fields
            raise ValueError(f"{path.name}, line {number}: query, text and a whole number with tabs between are needed")
    return qrels


def _read(path: Path, form: type[_Form]) -> Iterator[_Form]:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            try:
                yield form.model_validate_json(line)
            except Misfit as error:
                raise ValueError(f"{path.name}, line {number}: {_why(error)}") from error


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}"
    if not isinstance(error, Misfit):
        return str(error).rstrip(".")
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
