"""How good are search and answers? Measured through the real upload, worker and retrieval path."""

from __future__ import annotations

import asyncio
import json
import math
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np

from core.errors import ValidationError
from core.events import CitationEvent, RefusalEvent
from core.identity import Principal, Role
from core.states import TaskStatus
from services.audit import ClientInfo
from services.bootstrap import Services
from services.search.retriever import SearchMode
from services.setup import create_organization

CLIENT = ClientInfo(user_agent="foundry eval")
POLL_S = 0.2
DEPTH = 100
MAX_SENTENCES, MAX_WORDS = 3, 80
Qrels = Mapping[str, Mapping[str, int]]


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


async def load_texts(services: Services, principal: Principal, texts: Mapping[str, bytes]) -> float:
    """Hand everything in, wait for the workers, and return texts per second.

    Raises:
        ValidationError: One of them was not read.
    """
    started = time.perf_counter()
    waiting: dict[UUID, str] = {}
    for name, content in texts.items():
        receipt = await services.ingestion.upload(principal, filename=name, chunks=_once(content), client=CLIENT)
        waiting[receipt.task_id] = name
    while waiting:
        done = 0
        for task_id in list(waiting)[:50]:
            receipt = await services.tasks.receipt(principal, task_id)
            if receipt.status is TaskStatus.FAILED:
                raise ValidationError(f"{waiting[task_id]} was not read: {receipt.error_message}")
            if receipt.status is TaskStatus.COMPLETED:
                del waiting[task_id]
                done += 1
        if waiting and not done:
            await asyncio.sleep(POLL_S)
    return len(texts) / (time.perf_counter() - started)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


# -- retrieval


async def measure_retrieval(
    services: Services, principal: Principal, data: RetrievalSet, mode: SearchMode
) -> dict[str, float]:
    """nDCG@10, recall and reciprocal rank over all questions, and how long a search took."""
    rows, times = [], []
    for query_id, text in data.queries.items():
        started = time.perf_counter()
        hits = await services.search.find(principal, text, limit=DEPTH, mode=mode)
        times.append((time.perf_counter() - started) * 1000)
        ranking = list(dict.fromkeys(hit.chunk.filename.removesuffix(".txt") for hit in hits))
        rows.append(rank_scores(ranking, data.qrels[query_id]))
    means = np.mean(rows, axis=0) if rows else np.zeros(4)
    names = ("ndcg@10", "recall@10", "recall@100", "mrr")
    return {
        **{name: round(float(value), 4) for name, value in zip(names, means, strict=True)},
        "p50_ms": round(float(np.percentile(times, 50)), 2) if times else 0.0,
        "p95_ms": round(float(np.percentile(times, 95)), 2) if times else 0.0,
    }


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
    services: Services, principal: Principal, questions: Sequence[Question]
) -> tuple[dict[str, float], list[dict[str, object]]]:
    """The figures, and what happened to each question."""
    rows = [await _one(services, principal, question) for question in questions]
    answerable = [row for row in rows if row["answerable"]]
    others = [row for row in rows if not row["answerable"]]
    citations = sum(_number(row["citations"]) for row in answerable)
    return {
        "hit_rate": _mean([_number(row["hit"]) for row in answerable]),
        "citation_precision": round(sum(_number(row["right"]) for row in answerable) / citations, 4)
        if citations
        else 0,
        "answer_in_text": _mean([_number(row["in_text"]) for row in answerable]),
        "refused_unanswerable": _mean([_number(row["refused"]) for row in others]),
        "refused_answerable": _mean([_number(row["refused"]) for row in answerable]),
    }, rows


async def _one(services: Services, principal: Principal, question: Question) -> dict[str, object]:
    run = await services.answering.ask(principal, question.question)
    events = [event async for event in run.events()]
    await services.chats.delete(principal, run.chat_id)
    cited = [event.citation for event in events if isinstance(event, CitationEvent)]
    right = [
        citation
        for citation in cited
        if citation.filename == question.file and (question.page is None or citation.page == question.page)
    ]
    return {
        "question": question.question,
        "answerable": question.answer is not None,
        "refused": any(isinstance(event, RefusalEvent) for event in events),
        "citations": len(cited),
        "right": len(right),
        "hit": bool(right),
        "in_text": question.answer is not None and answer_in([citation.quote for citation in cited], question.answer),
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
