"""Does every metric move where the page says, in the processes that production runs?

A metric that nobody moves looks like a quiet product on a dashboard. So the families are taken from the code, the
places from docs/metrics.md, and a run through everything they count must leave none of them as it was.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from config.loader import LoadedSettings, load_settings
from core.identity import Role
from db.engine import create_engine
from db.unit_of_work import Database
from services.connections import application_address
from services.setup import create_organization
from tests.docs.test_metrics import told
from tests.fixtures.application import PASSWORD
from tests.fixtures.outages import silent_vector_store
from tests.fixtures.postgres import PostgresServer
from tests.servers.hook_server import HookServer
from tests.servers.openai_server import MODEL, OpenAIServer

EMAIL = "ada@alpha.example"
NOTE = b"# Valves\n\nThe relief valve opens at 6 bar.\n"
QUESTION = {"question": "At how many bar does the relief valve open?"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
READS = 100
WITHIN_S = 120
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}")

Samples = Mapping[str, Mapping[str, float]]
"""Name of a metric as it is queried, to its samples by their labels; of histograms the counts."""


async def scraped(url: str) -> Samples:
    """The metrics of a process."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            name = sample.name.removesuffix("_count") if family.type == "histogram" else sample.name
            if not name.endswith(("_bucket", "_sum", "_created")):
                found.setdefault(name, {})[str(dict(sorted(sample.labels.items())))] = sample.value
    return found


def moved(samples: Samples) -> set[str]:
    """Metrics that say something: one with labels is absent until it moves, one without is zero."""
    return {name for name, values in samples.items() if any("'" in labels or value for labels, value in values.items())}


async def until(condition: Callable[[Samples], bool], url: str) -> Samples:
    """Scrape until something is to be seen."""
    samples: Samples = {}
    try:
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    samples = await scraped(url)
                except httpx.TransportError:
                    samples = {}
                if samples and condition(samples):
                    return samples
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{url} never said it: {samples}") from None


@dataclass(frozen=True, slots=True)
class Stack:
    """Gateway and worker as processes of their own."""

    url: str
    worker_metrics: str
    hook: HookServer
    model: OpenAIServer

    @property
    def chat_metrics(self) -> str:
        """Where the gateway's are."""
        return f"{self.url}/metrics"


@pytest.fixture
async def stack(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Stack]:
    """With a model that is paid for, somebody who is told of documents, and a limit that can be reached."""
    chat, metrics = _free_port(), _free_port()
    async with AsyncExitStack() as opened:
        model = await opened.enter_async_context(OpenAIServer().running())
        model.said = ("The relief valve ", "opens ", "at ", "6 bar [1].")
        hook = await opened.enter_async_context(HookServer().running())
        overlay = tmp_path / "department.yaml"
        overlay.write_text(yaml.safe_dump(_overlay(model, hook)), encoding="utf-8")
        environ = environment | {
            "FOUNDRY__chat__port": str(chat),
            "FOUNDRY__observability__metrics__port": str(metrics),
            "FOUNDRY__rate_limiting__reads_per_hour": str(READS),
            "FOUNDRY__plugins__vector_db__pgvector__config__statement_timeout_s": "0.3",
        }
        await _first_person(load_settings(environ=environ, overlay=overlay))
        started = Stack(f"http://127.0.0.1:{chat}", f"http://127.0.0.1:{metrics}/metrics", hook, model)
        # One after the other: who comes first builds the model, for both.
        for module, url in (("chat_app.asgi", started.chat_metrics), ("jobs.worker", started.worker_metrics)):
            await opened.enter_async_context(_process(module, environ, tmp_path / f"{module}.log"))
            await until(lambda samples: "plugin_health" in samples, url)
        yield started


def _overlay(model: OpenAIServer, hook: HookServer) -> dict[str, object]:
    llm = {"base_url": model.base_url, "default_model": MODEL, "prices": {MODEL: {"input": 1.0, "output": 2.0}}}
    options = {"url": hook.url, "secret": SECRET, "allow_http": True, "allow_private": True}
    return {
        "feature_flags": {"notifications": True},
        "plugins": {
            "llm": [{"name": "paid", "plugin": "plugins.llm.openai:OpenAIProvider", "config": llm}],
            "notifier": [{"name": "hook", "plugin": "plugins.notifier.webhook:WebhookNotifier", "config": options}],
        },
        "notifications": {
            "rules": [{"notifier": "hook", "events": ["document.ready"], "recipients": ["archive"]}],
            "collect_s": 0,
        },
    }


async def _first_person(loaded: LoadedSettings) -> None:
    database = Database(create_engine(application_address(loaded.settings), pool_size=1))
    await create_organization(
        database, name="alpha", email=EMAIL, password=PASSWORD, role=Role.ADMIN, max_users=5, max_documents=10
    )
    await database.close()


@asynccontextmanager
async def _process(module: str, environ: dict[str, str], log: Path) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", module, env={**os.environ, **environ}, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_a_run_through_everything_moves_every_metric_where_the_page_says(
    stack: Stack, postgres_server: PostgresServer, migrated_database: str
) -> None:
    assert (await scraped(stack.chat_metrics))["active_connections"] == {"{}": 0.0}
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as web:
        await _sign_in(web)
        await _upload(web, "valves.md")
        await until(lambda samples: "ingestion_documents_total" in samples, stack.worker_metrics)
        await stack.hook.until_posted(1)
        assert (await web.post("/api/v1/chat", json=QUESTION)).status_code == 200
        with silent_vector_store(postgres_server, migrated_database):
            assert (await web.post("/api/v1/chat", json=QUESTION)).status_code == 200
            # What cannot be written to the store cannot be ready before it is stopped.
            task = await _upload(web, "later.md")
            assert (await web.post(f"/api/v1/tasks/{task}/cancel")).status_code == 200
        await _watch_a_socket(stack, web)
        await _ask_too_often(web)
    chat, worker = await scraped(stack.chat_metrics), await scraped(stack.worker_metrics)
    page = {name: where for name, (_, where) in told().items()}
    in_chat = moved(chat) | {"active_connections"}  # it was seen to rise, and fell again
    assert {name for name, where in page.items() if where in ("chat", "both")} == in_chat & page.keys()
    assert {name for name, where in page.items() if where in ("worker", "both")} == moved(worker) & page.keys()
    _says_what_happened(chat, worker)


def _says_what_happened(chat: Samples, worker: Samples) -> None:
    assert _of_the_paid_model(chat["llm_cost_usd_total"]) > 0
    assert chat["degraded_total"] == {"{'component': 'vector_db'}": 1.0}
    assert chat["rate_limited_total"] == {"{'scope': 'read'}": 1.0}
    assert sum(chat["answers_total"].values()) == 2
    assert chat["ingestion_documents_total"] == {"{'status': 'cancelled'}": 1.0}
    assert worker["ingestion_documents_total"] == {"{'status': 'ready'}": 1.0}
    assert worker["notifications_total"] == {
        "{'event': 'document.ready', 'notifier': 'hook', 'outcome': 'sent'}": 1.0,
    }
    routes = "\n".join(chat["http_requests_total"])
    assert "'route': '/api/v1/tasks/{task_id}/cancel'" in routes
    assert "'route': '/chat/thread/{id}'" in routes
    assert not _ID.search(routes), routes


def _of_the_paid_model(samples: Mapping[str, float]) -> float:
    """Of the model that stands in for a paid one."""
    return samples[f"{{'model': '{MODEL}', 'provider': 'paid'}}"]


async def _sign_in(web: httpx.AsyncClient) -> None:
    answer = await web.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 200
    web.headers["X-CSRF-Token"] = answer.cookies["kf_csrf"]


async def _upload(web: httpx.AsyncClient, name: str) -> str:
    """Hand in a file; returns the task of reading it."""
    answer = await web.post("/api/v1/documents", files={"file": (name, NOTE + name.encode())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


async def _watch_a_socket(stack: Stack, web: httpx.AsyncClient) -> None:
    """It is counted while it is open."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in web.cookies.jar)
    url = f"{stack.url.replace('http', 'ws', 1)}/chat/ws/socket.io/?EIO=4&transport=websocket"
    async with connect(url, additional_headers={"Cookie": cookies, "Origin": stack.url}) as socket_:
        await socket_.recv()
        await until(lambda samples: samples["active_connections"] == {"{}": 1.0}, stack.chat_metrics)
    await until(lambda samples: samples["active_connections"] == {"{}": 0.0}, stack.chat_metrics)


async def _ask_too_often(web: httpx.AsyncClient) -> None:
    for number in range(READS + 1):
        answer = await web.get(f"/chat/thread/{number:08}-0000-0000-0000-000000000000")
        assert answer.status_code == 200
        if (await web.get("/api/v1/auth/me")).status_code == 429:
            return
    raise AssertionError("nothing was refused")
