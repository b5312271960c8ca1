"""How good are search and answers? Measured through the real upload, worker and retrieval path."""

from __future__ import annotations

import asyncio
import json
import math
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from sqlalchemy import func, select

from core.errors import ValidationError
from core.events import Outcome
from core.identity import Principal, Role
from core.states import TaskStatus
from db.models import Task
from services.audit import ClientInfo
from services.bootstrap import Services
from services.search.retriever import SearchMode
from services.setup import create_organization

CLIENT = ClientInfo(user_agent="foundry eval")
POLL_S, SLOWEST_POLL_S = 0.2, 1.0
DEPTH = 100
MEASURES = ("ndcg@10", "recall@10", "recall@100", "mrr")
MAX_SENTENCES, MAX_WORDS = 3, 80
Qrels = Mapping[str, Mapping[str, int]]
Progress = Callable[[int, int], None]
"""Is told how many are done, of how many."""


def _nobody(done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Texts, questions and which texts answer which question, by their ids."""

    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Qrels


def read_retrieval_set(folder: Path) -> RetrievalSet:
    """A folder with ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.tsv``.

    Raises:
        ValidationError: One of them is missing or not of that form.
    """
    try:
        corpus = {
            item["_id"]: f"{item.get('title', '')}\n\n{item['text']}".strip()
            for item in _lines(folder / "corpus.jsonl")
        }
        queries = {item["_id"]: item["text"] for item in _lines(folder / "queries.jsonl")}
        qrels: dict[str, dict[str, int]] = {}
        for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            query, document, score = line.split("\t")[:3]
            qrels.setdefault(query, {})[document] = int(score)
    except (OSError, KeyError, ValueError) as error:
        raise ValidationError(
            f"{folder} is not a retrieval set: {error}",
            next_step="It needs corpus.jsonl, queries.jsonl {_id, text} and qrels.tsv.",
        ) from error
    return RetrievalSet(corpus, {key: text for key, text in queries.items() if key in qrels}, qrels)


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


@asynccontextmanager
async def scratch_organization(services: Services, *, keep: bool) -> AsyncIterator[Principal]:
    """An organisation of its own with room for any set; emptied afterwards unless it is kept."""
    name = f"evaluation-{secrets.token_hex(4)}"
    user = await create_organization(
        services.database,
        name=name,
        email=f"{name}@evaluation.example",
        password=secrets.token_urlsafe(24),
        role=Role.ADMIN,
        max_users=5,
        max_documents=10_000_000,
    )
    principal = Principal(user.id, user.organization_id, Role.ADMIN, user.email)
    try:
        yield principal
    finally:
        if not keep:
            await _empty(services, principal)


async def _empty(services: Services, principal: Principal) -> None:
    while page := (await services.documents.list_page(principal, limit=200)).items:
        for document in page:
            await services.documents.delete(principal, document.id, client=CLIENT)


async def load_texts(
    services: Services, principal: Principal, texts: Mapping[str, bytes], *, progress: Progress = _nobody
) -> float:
    """Hand everything in, wait for the workers, and return texts per second.

    The organisation must have nothing else to be read: what is left is counted.

    Raises:
        ValidationError: One of them was not read.
    """
    started = time.perf_counter()
    handed_in: dict[UUID, str] = {}
    for name, content in texts.items():
        receipt = await services.ingestion.upload(principal, filename=name, chunks=_once(content), client=CLIENT)
        handed_in[receipt.task_id] = name
    pause = POLL_S
    while left := await _unread(services, principal, handed_in):
        progress(max(0, len(handed_in) - left), len(handed_in))
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, SLOWEST_POLL_S)
    progress(len(handed_in), len(handed_in))
    return len(texts) / (time.perf_counter() - started)


async def _unread(services: Services, principal: Principal, handed_in: Mapping[UUID, str]) -> int:
    """How many are still to be read, in two statements however many there are."""
    failed = select(Task.id, Task.error_message).where(Task.status == TaskStatus.FAILED.value)
    unended = select(func.count(Task.id)).where(Task.status.in_((TaskStatus.QUEUED.value, TaskStatus.RUNNING.value)))
    async with services.database.transaction(principal.organization_id) as session:
        for task_id, error in await session.execute(failed):
            if task_id in handed_in:
                raise ValidationError(f"{handed_in[task_id]} was not read: {error}")
        return int(await session.scalar(unended) or 0)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


# -- retrieval


async def measure_retrieval(
    services: Services,
    principal: Principal,
    data: RetrievalSet,
    mode: SearchMode,
    *,
    progress: Progress = _nobody,
) -> tuple[dict[str, float], list[dict[str, object]]]:
    """nDCG@10, recall and reciprocal rank over all questions, how long a search took, and a row for each question."""
    rows, scores, times = [], [], []
    for query_id, text in data.queries.items():
        started = time.perf_counter()
        hits = await services.search.find(principal, text, limit=DEPTH, mode=mode)
        times.append((time.perf_counter() - started) * 1000)
        ranking = list(dict.fromkeys(hit.chunk.filename.removesuffix(".txt") for hit in hits))
        scores.append(rank_scores(ranking, data.qrels[query_id]))
        rows.append(_ranked(query_id, text, mode, scores[-1], ranking))
        progress(len(rows), len(data.queries))
    means = np.mean(scores, axis=0) if scores else np.zeros(len(MEASURES))
    return {
        **{name: round(float(value), 4) for name, value in zip(MEASURES, means, strict=True)},
        "p50_ms": round(float(np.percentile(times, 50)), 2) if times else 0.0,
        "p95_ms": round(float(np.percentile(times, 95)), 2) if times else 0.0,
    }, rows


def _ranked(
    query_id: str, text: str, mode: SearchMode, scores: Sequence[float], ranking: Sequence[str]
) -> dict[str, object]:
    measured = {name: round(value, 4) for name, value in zip(MEASURES, scores, strict=True)}
    return {"id": query_id, "question": text, "side": mode.value, **measured, "first": list(ranking[:10])}


def rank_scores(ranking: Sequence[str], relevant: Mapping[str, int]) -> tuple[float, float, float, float]:
    """(nDCG@10 with linear gains, recall@10, recall@100, reciprocal rank) of a question, as in trec_eval."""
    gains = [relevant.get(document, 0) for document in ranking[:10]]
    ideal = sorted(relevant.values(), reverse=True)[:10]
    best = _discounted(ideal)
    positive = {document for document, grade in relevant.items() if grade > 0}
    first = next((place for place, document in enumerate(ranking, start=1) if document in positive), 0)
    return (
        _discounted(gains) / best if best else 0.0,
        len(positive & set(ranking[:10])) / len(positive) if positive else 0.0,
        len(positive & set(ranking[:100])) / len(positive) if positive else 0.0,
        1 / first if first else 0.0,
    )


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))


# -- answers


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer and where it stands; no answer means that the documents do not say."""

    question: str
    answer: str | None
    file: str | None
    page: int | None


def read_questions(path: Path) -> list[Question]:
    """A file of JSON lines with question, answer, file and page.

    Raises:
        ValidationError: It is not of that form.
    """
    try:
        return [
            Question(item["question"], item.get("answer"), item.get("file"), item.get("page"))
            for item in (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
        ]
    except (OSError, KeyError, ValueError) as error:
        raise ValidationError(f"{path} holds no questions: {error}") from error


async def measure_answers(
    services: Services, principal: Principal, questions: Sequence[Question], *, progress: Progress = _nobody
) -> tuple[dict[str, float], list[dict[str, object]]]:
    """The figures, and what happened to each question."""
    rows: list[dict[str, object]] = []
    for question in questions:
        rows.append(await _one(services, principal, question))
        progress(len(rows), len(questions))
    answerable = [row for row in rows if row["answerable"]]
    others = [row for row in rows if not row["answerable"]]
    citations = sum(_number(row["citations"]) for row in answerable)
    return {
        "hit_rate": _mean([_number(row["hit"]) for row in answerable]),
        "citation_precision": round(sum(_number(row["right"]) for row in answerable) / citations, 4)
        if citations
        else 0,
        "answer_in_text": _mean([_number(row["in_text"]) for row in answerable]),
        "shown_rate": _mean([_number(row["shown"]) for row in answerable]),
        "stated_wrongly": _mean([_number(row["outcome"] == Outcome.ANSWERED) for row in others]),
        "refused_answerable": _mean([_number(row["outcome"] == Outcome.REFUSED) for row in answerable]),
    }, rows


async def _one(services: Services, principal: Principal, question: Question) -> dict[str, object]:
    run = await services.answering.ask(principal, question.question)
    done = await run.wait()
    await services.chats.delete(principal, run.chat_id)
    answered, cited = done.outcome is Outcome.ANSWERED, run.said.citations
    right = [
        citation
        for citation in cited
        if citation.filename == question.file and (question.page is None or citation.page == question.page)
    ]
    return {
        **asdict(question),
        "answered": run.said.text,
        "cited": [{"file": one.filename, "page": one.page, "quote": one.quote} for one in cited],
        "answerable": question.answer is not None,
        "outcome": done.outcome.value,
        "citations": len(cited) if answered else 0,
        "right": len(right) if answered else 0,
        "hit": answered and bool(right),
        "shown": bool(right),
        "in_text": answered
        and question.answer is not None
        and answer_in([citation.quote for citation in cited], question.answer),
    }


def answer_in(quotes: Sequence[str], answer: str) -> bool:
    """Whether at most three cited sentences of together 80 words hold the answer."""
    shown: list[str] = []
    for quote in quotes[:MAX_SENTENCES]:
        if sum(len(text.split()) for text in (*shown, quote)) <= MAX_WORDS:
            shown.append(quote)
    return _plain(answer) in _plain(" ".join(shown))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[*_`|#]", " ", text).casefold().split())


def _number(value: object) -> float:
    return float(value) if isinstance(value, bool | int | float) else 0.0


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0
