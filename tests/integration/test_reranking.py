"""Does the reranker that the settings name order the evidence, in the whole application, also when it is down?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.loader import load_settings
from core.events import AnswerEvent, CitationEvent, NoticeEvent, NoticeKind
from core.types import DataClass
from plugins.reranker.ranking import passage_of
from services.bootstrap import open_services
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.fixtures.cross_encoder import reference_logit, write_cross_encoder
from tests.servers.rerank_server import Fault, RerankServer

DOCUMENTS = {
    "online.md": b"# Online\n\nRefunds of online orders take 14 days.\n",
    "counter.md": b"# Counter\n\nRefunds at the counter take 3 days.\n",
}
QUESTION = "How many days do refunds take?"
TEI = 'plugin: plugins.reranker.http:HttpReranker, config: {{url: "{}", shape: tei}}'
COHERE = 'plugin: plugins.reranker.http:HttpReranker, config: {{url: "{}", shape: cohere, model: m}}'
CROSS_ENCODER = 'plugin: plugins.reranker.cross_encoder:CrossEncoderReranker, config: {{model: "{}"}}'

Open = Callable[..., AbstractAsyncContextManager[Department]]


@pytest.fixture
async def server() -> AsyncIterator[RerankServer]:
    async with RerankServer().running() as running:
        yield running


@pytest.fixture
def opened(environment: dict[str, str], tmp_path: Path, worker: Worker) -> Open:
    """The application with these entries in a department's YAML, and a department with two documents."""

    @asynccontextmanager
    async def run(*entries: str, enabled: bool = True) -> AsyncIterator[Department]:
        overlay = tmp_path / "department.yaml"
        listed = "".join(f"\n    - {{name: mine-{number}, {entry}}}" for number, entry in enumerate(entries))
        retrieval = f"{{reranking_enabled: {str(enabled).lower()}, rerank_top_k: 1}}"
        overlay.write_text(f"retrieval: {retrieval}\nplugins:\n  reranker:{listed or ' []'}\n", encoding="utf-8")
        async with open_services(load_settings(overlay=overlay, environ=environment)) as services:
            department = await make_department(services, "alpha")
            for filename, content in DOCUMENTS.items():
                await department.read(worker, filename, content)
            yield department

    return run


async def ask(department: Department) -> list[AnswerEvent]:
    run = await department.services.answering.ask(department.principal, QUESTION)
    return [event async for event in run.events()]


def cited(events: list[AnswerEvent]) -> set[str]:
    return {event.citation.filename for event in events if isinstance(event, CitationEvent)}


def told(events: list[AnswerEvent]) -> list[str]:
    """What the reader is told of the reranker."""
    return [event.text for event in events if isinstance(event, NoticeEvent) and event.component == "reranker"]


async def first_found(department: Department) -> str:
    """File that the search alone puts first."""
    found = await department.services.search.find(department.principal, QUESTION, limit=5)
    assert len(found) == len(DOCUMENTS)
    return found[0].chunk.filename


@pytest.mark.parametrize("entry", [TEI, COHERE], ids=["tei", "cohere"])
async def test_the_service_in_the_yaml_decides_what_is_quoted(opened: Open, server: RerankServer, entry: str) -> None:
    async with opened(entry.format(server.address)) as department:
        for word, filename in (("online", "online.md"), ("counter", "counter.md")):
            server.words = word
            events = await ask(department)
            assert cited(events) == {filename}
            assert told(events) == []
    assert [body["query"] for body in server.bodies] == [QUESTION] * 2
    assert all(len(body.get("texts") or body["documents"]) == len(DOCUMENTS) for body in server.bodies)


@pytest.mark.parametrize(("seed", "filename"), [(2, "online.md"), (5, "counter.md")])
async def test_the_model_on_this_machine_decides_what_is_quoted(
    opened: Open, tmp_path: Path, seed: int, filename: str
) -> None:
    folder = write_cross_encoder(tmp_path / "model", seed=seed)
    async with opened(CROSS_ENCODER.format(folder)) as department:
        found = await department.services.search.find(department.principal, QUESTION, limit=5)
        best = max(found, key=lambda one: reference_logit(folder, QUESTION, passage_of(one)))
        assert best.chunk.filename == filename
        events = await ask(department)
    assert cited(events) == {filename}
    assert told(events) == []


@pytest.mark.sees("retrieval.reranking_enabled")
async def test_switched_off_the_order_of_the_search_stands_and_nothing_is_sent(
    opened: Open, server: RerankServer
) -> None:
    async with opened(TEI.format(server.address), enabled=False) as department:
        for server.words in ("online", "counter"):
            events = await ask(department)
            assert cited(events) == {await first_found(department)}
            assert told(events) == []
    assert server.bodies == []


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.RATE_LIMITED, Fault.HTML, Fault.BAD_KEY])
async def test_while_it_is_down_the_answer_comes_in_search_order_and_the_reader_is_told(
    opened: Open, server: RerankServer, fault: Fault
) -> None:
    async with opened(TEI.format(server.address)) as department:
        first = await first_found(department)
        server.words = "counter" if first == "online.md" else "online"
        server.fault = fault
        events = await ask(department)
        assert cited(events) == {first}
        assert told(events) == ["The reranker is down; passages are in search order."]
        server.fault = Fault.NONE
        events = await ask(department)
        assert cited(events) == set(DOCUMENTS) - {first}
        assert told(events) == []


async def test_one_that_cannot_start_is_told_in_every_answer_and_in_the_health_report(
    opened: Open, tmp_path: Path
) -> None:
    async with opened(CROSS_ENCODER.format(tmp_path / "nowhere")) as department:
        events = await ask(department)
        assert cited(events) == {await first_found(department)}
        assert told(events) == ["The reranker is down; passages are in search order."]
        report = await department.services.health.ready()
    (item,) = [item for item in report.items if item.name == "mine-0"]
    assert "nowhere" in item.detail


async def test_the_next_one_ranks_where_the_first_cannot_start(
    opened: Open, server: RerankServer, tmp_path: Path
) -> None:
    async with opened(CROSS_ENCODER.format(tmp_path / "nowhere"), TEI.format(server.address)) as department:
        events = await ask(department)
    assert told(events) == []
    assert len(server.bodies) == 1


@pytest.mark.parametrize("local", [False, True])
async def test_confidential_passages_reach_a_service_only_where_it_is_marked_local(
    opened: Open, server: RerankServer, local: bool
) -> None:
    marked = f"{TEI.format(server.address)}, routing: {{local: {str(local).lower()}}}"
    async with opened(marked) as department:
        (collection,) = await department.services.documents.list_collections(department.principal)
        await department.services.data_policy.classify(
            department.principal, collection.id, DataClass.CONFIDENTIAL, client=CLIENT
        )
        events = await ask(department)
        assert cited(events)
    assert len(server.bodies) == int(local)
    notice = "The reranker may not see confidential passages; passages are in search order."
    assert told(events) == ([] if local else [notice])


async def test_switched_on_without_a_reranker_the_log_says_so(opened: Open) -> None:
    with capture_logs() as logs:
        async with opened() as department:
            events = await ask(department)
            assert cited(events) == {await first_found(department)}
    assert "reranking_enabled_without_reranker" in [line["event"] for line in logs]
    assert NoticeKind.DEGRADED not in {event.kind for event in events if isinstance(event, NoticeEvent)}
