"""Do settings change while the application runs, without a question lost and without a wrong one coming in?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from structlog.testing import capture_logs

from chat_app.asgi import create_app
from config.later import later_keys
from config.loader import load_settings
from core.errors import AuthorizationError, ConfigurationError, ConflictError, NotFoundError, ValidationError
from core.events import CitationEvent, DoneEvent, Outcome
from core.identity import Principal, Role
from core.types import JsonValue
from db.models import SettingsVersion, User
from services.bootstrap import Services
from services.reload import ServiceReloader, open_reloader
from services.settings.versions import SettingsService
from services.worker.container import open_worker
from tests.fixtures.application import CLIENT, PASSWORD, Department, assert_bound_by_policies, make_department
from tests.integration.test_gateway import settings_of_tests
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer
from tests.support.waiting import until

HANDBOOK = b"# Pumps\n\nThe pump P-400 needs service every 2,000 operating hours. Its filter costs 48 EUR.\n"
QUESTION = "How often does the pump P-400 need service?"


@pytest.fixture
def overlay(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The department's file, in force for everything in this process."""
    path = tmp_path / "department.yaml"
    path.write_text("{}\n", encoding="utf-8")
    for key, value in {**environment, "FOUNDRY_OVERLAY": str(path), "FOUNDRY__app__hot_reload": "true"}.items():
        monkeypatch.setenv(key, value)
    return path


@pytest.fixture
async def live(overlay: Path) -> AsyncIterator[ServiceReloader]:
    async with open_reloader(grace_s=0.0) as opened:
        await assert_bound_by_policies(opened())
        yield opened


@pytest.fixture
async def operator(live: ServiceReloader) -> Principal:
    house = await make_department(live(), "alpha")
    return Principal(house.user.id, house.user.organization_id, Role.OPERATOR, house.user.email)


@pytest.fixture
def saved(live: ServiceReloader) -> SettingsService:
    return live().saved_settings


async def test_a_saved_change_comes_into_force_in_every_process_by_itself(
    live: ServiceReloader, operator: Principal, saved: SettingsService
) -> None:
    async with open_reloader(grace_s=0.0) as other:
        version = await saved.save(operator, {"retrieval.rerank_top_k": 3}, reason="fewer passages", client=CLIENT)
        await until(lambda: all(one().settings.retrieval.rerank_top_k == 3 for one in (live, other)))
    async with open_reloader() as later:
        assert later().settings.retrieval.rerank_top_k == 3
    listed = await saved.history(operator)
    assert [(v.number, v.reason, v.user_id) for v in listed] == [
        (version.number, "fewer passages", str(operator.user_id))
    ]
    assert [(change.key, change.after) for change in listed[0].changes] == [("retrieval.rerank_top_k", "3")]


async def test_one_call_takes_a_change_back(live: ServiceReloader, operator: Principal, saved: SettingsService) -> None:
    before = live().settings.retrieval.rerank_top_k
    first = await saved.save(operator, {"retrieval.rerank_top_k": 3}, reason="try", client=CLIENT)
    await saved.save(operator, {"retrieval.rerank_top_k": 5}, reason="more", client=CLIENT)
    back = await saved.restore(operator, first.number, reason="it was worse", client=CLIENT)
    assert back.restored_number == first.number
    await until(lambda: live().settings.retrieval.rerank_top_k == 3)
    await saved.restore(operator, 0, reason="as the files say", client=CLIENT)
    await until(lambda: live().settings.retrieval.rerank_top_k == before)
    with pytest.raises(NotFoundError):
        await saved.restore(operator, 9_999, reason="a guess", client=CLIENT)


async def test_a_change_is_tried_before_it_is_made(
    live: ServiceReloader, operator: Principal, saved: SettingsService
) -> None:
    seen = await saved.preview(
        operator, {"retrieval.rerank_top_k": 3, "plugins.llm_providers.extractive.config.max_sentences": 1}
    )
    assert {change.key for change in seen.changes} == {
        "retrieval.rerank_top_k",
        "plugins.llm_providers.extractive.config.max_sentences",
    }
    assert seen.rebuilt == ("llm/extractive",)
    assert seen.reembedded == 0
    assert await saved.history(operator) == ()


async def test_settings_saved_under_former_names_are_changed_and_taken_back_under_todays(
    live: ServiceReloader, operator: Principal, saved: SettingsService
) -> None:
    async with live().database.transaction(operator.organization_id) as session:
        content: dict[str, JsonValue] = {
            "auth": {"password_require_number": False},
            "ingestion": {"supported_types": ["a/b"]},
        }
        session.add(
            SettingsVersion(
                organization_id=operator.organization_id,
                user_id=operator.user_id,
                content=content,
                changes={},
                reason="as 0.3 saved it",
            )
        )
    await until(lambda: not live().settings.auth.require_numbers)
    assert live().settings.ingestion.supported_mime_types == ("a/b",)
    # The former name is understood in a change too, and null takes back what stands under either.
    await saved.save(operator, {"rate_limiting.viewer_per_hour": 7}, reason="old script", client=CLIENT)
    await until(lambda: live().settings.rate_limiting.role_limits.viewer == "7/hour")
    await saved.save(operator, {"auth.require_numbers": None}, reason="back", client=CLIENT)
    await until(lambda: live().settings.auth.require_numbers)
    assert live().settings.ingestion.supported_mime_types == ("a/b",)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"celery.broker_url": "redis://elsewhere"}, ValidationError, "set where it is deployed"),
        ({"retrieval.rerank_top_k": "many"}, ValidationError, "retrieval.rerank_top_k"),
        ({"retrieval.no_such_key": 1}, ValidationError, "retrieval.no_such_key"),
        ({"database.host": "elsewhere"}, ValidationError, "set where it is deployed"),
        ({"redis.port": 1}, ValidationError, "set where it is deployed"),
        ({"auth.jwt_secret_key": "x" * 40}, ValidationError, "set where it is deployed"),
        ({"retrieval.rerank_top_k.deeper": 1}, ValidationError, "rerank_top_k"),
    ],
)
async def test_a_wrong_change_is_refused_and_nothing_is_saved(
    operator: Principal, saved: SettingsService, changes: dict[str, JsonValue], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        await saved.save(operator, changes, reason="a mistake", client=CLIENT)
    assert await saved.history(operator) == ()


async def test_what_the_environment_sets_is_locked(
    live: ServiceReloader, operator: Principal, saved: SettingsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNDRY__retrieval__rerank_top_k", "4")
    shown = {setting.key: setting for setting in await saved.show(operator)}
    assert "FOUNDRY__retrieval__rerank_top_k" in shown["retrieval.rerank_top_k"].locked
    assert shown["retrieval.default_k"].locked == ""
    assert "a-secret-of-the-tests" not in json.dumps([setting.value for setting in shown.values()])
    with pytest.raises(ValidationError, match="FOUNDRY__retrieval__rerank_top_k"):
        await saved.save(operator, {"retrieval.rerank_top_k": 3}, reason="why not", client=CLIENT)


async def test_what_nothing_obeys_yet_is_neither_shown_nor_saved(operator: Principal, saved: SettingsService) -> None:
    assert not {setting.key for setting in await saved.show(operator)} & later_keys()
    reserved: list[dict[str, JsonValue]] = [
        {"caching.enabled": False},
        {"caching": {"enabled": False}},
        {"feature_flags.voice_input": True},
    ]
    for changes in reserved:
        with pytest.raises(ValidationError, match="reserved, and obeyed by a later release"):
            await saved.save(operator, changes, reason="why not", client=CLIENT)
    assert await saved.history(operator) == ()


async def test_whoever_sets_what_nothing_obeys_yet_is_told_once_at_the_start(
    overlay: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(overlay, "feature_flags: {voice_input: true}\ncaching: {default_ttl: 60}\n")
    with capture_logs() as logs:
        async with open_reloader(grace_s=0.0):
            pass
    (line,) = [line for line in logs if line["event"] == "settings_not_in_effect"]
    assert line["keys"] == ["caching.default_ttl", "feature_flags.voice_input"]


async def test_only_operators_change_settings_and_each_says_why(
    live: ServiceReloader, operator: Principal, saved: SettingsService
) -> None:
    admin = Principal(operator.user_id, operator.organization_id, Role.ADMIN, operator.email)
    for call in (saved.show(admin), saved.history(admin), saved.preview(admin, {"retrieval.default_k": 5})):
        with pytest.raises(AuthorizationError):
            await call
    with pytest.raises(ValidationError, match="why"):
        await saved.save(operator, {"retrieval.default_k": 5}, reason="  ", client=CLIENT)


async def test_two_who_change_at_once_do_not_overwrite_each_other(operator: Principal, saved: SettingsService) -> None:
    await saved.save(operator, {"retrieval.default_k": 5}, reason="one", expected=0, client=CLIENT)
    with pytest.raises(ConflictError, match="meanwhile"):
        await saved.save(operator, {"retrieval.default_k": 6}, reason="other", expected=0, client=CLIENT)


@pytest.mark.sees("app.hot_reload")
async def test_a_changed_file_is_in_force_within_seconds_and_a_wrong_one_is_not(
    live: ServiceReloader, overlay: Path
) -> None:
    write(overlay, "retrieval: {rerank_top_k: 4}\n")
    await until(lambda: live().settings.retrieval.rerank_top_k == 4)
    write(overlay, "retrieval: {rerank_top_k: none of these}\n")
    await until(lambda: "retrieval.rerank_top_k" in live.problem)
    assert live().settings.retrieval.rerank_top_k == 4
    report = await live().health.ready()
    assert any(item.name == "settings" and "rerank_top_k" in item.detail for item in report.items)
    write(overlay, "retrieval: {rerank_top_k: 2}\n")
    await until(lambda: live().settings.retrieval.rerank_top_k == 2)
    assert live.problem == ""


async def test_what_belongs_to_the_deployment_waits_for_the_next_start(live: ServiceReloader, overlay: Path) -> None:
    before = live().settings.chat
    changed = {"chat": {"port": 9_999}, "retrieval": {"rerank_top_k": 4}}
    write(overlay, yaml.safe_dump(changed))
    await until(lambda: live().settings.retrieval.rerank_top_k == 4)
    assert live().settings.chat == before
    assert live.restart_for == ("chat",)


async def test_a_plugin_that_is_not_healthy_is_not_put_in_force(live: ServiceReloader) -> None:
    before = live()
    broken = {"plugins": {"reranker": [{"name": "mine", "plugin": "plugins.reranker.absent:Absent"}]}}
    with pytest.raises(ConfigurationError, match="reranker/mine"):
        await live.apply(load_settings(saved=broken))
    assert live() is before


async def test_unchanged_plugins_go_on_and_changed_ones_are_closed(live: ServiceReloader) -> None:
    before = live()
    await live.apply(load_settings(saved={"plugins": {"llm_providers": [extractive(max_sentences=1)]}}))
    after = live()
    assert after is not before
    assert after.embedding is before.embedding
    assert after.vectors is before.vectors
    assert after.plugins.get("llm", "extractive") is not before.plugins.get("llm", "extractive")
    await until(lambda: not before.plugins.names("llm"))
    assert after.plugins.names("embedding") == ("onnx",)


async def test_an_answer_under_way_finishes_on_the_old_plugin_while_the_next_uses_the_new(
    live: ServiceReloader, overlay: Path
) -> None:
    async with open_worker() as worker:
        department = await read_handbook(live, worker)
        async with OpenAIServer().running() as old, OpenAIServer().running() as new:
            old.fault = Fault.HELD
            await live.apply(load_settings(saved={"plugins": {"llm_providers": [model("mine", old)]}}))
            running = await live().answering.ask(department.principal, QUESTION)
            await until(lambda: old.opened == 1)
            await live.apply(load_settings(saved={"plugins": {"llm_providers": [model("mine", new)]}}))
            following = await live().answering.ask(department.principal, QUESTION)
            old.release.set()
            for run in (running, following):
                last = [event async for event in run.events()][-1]
                assert isinstance(last, DoneEvent)
                assert last.outcome is not Outcome.FAILED
            assert (old.cancelled, new.cancelled) == (0, 0)
            assert new.opened >= 1


async def test_questions_asked_while_plugins_are_swapped_are_all_answered(live: ServiceReloader) -> None:
    async with open_worker() as worker:
        department = await read_handbook(live, worker)

        async def ask() -> bool:
            run = await live().answering.ask(department.principal, QUESTION)
            events = [event async for event in run.events()]
            return any(isinstance(event, CitationEvent) and "2,000" in event.citation.quote for event in events)

        async def swap() -> None:
            for count in (1, 2, 3, 1, 2, 3):
                await live.apply(load_settings(saved={"plugins": {"llm_providers": [extractive(max_sentences=count)]}}))

        swapping = asyncio.create_task(swap())
        answered = [await asyncio.gather(*(ask() for _ in range(5))) for _ in range(8)]
        await swapping
        assert all(all(batch) for batch in answered)


async def test_the_worker_takes_changes_up_too(
    live: ServiceReloader, operator: Principal, saved: SettingsService
) -> None:
    async with open_worker() as worker:
        pipeline = worker._pipeline
        smaller: dict[str, JsonValue] = {"ingestion.chunk_size": 100, "ingestion.min_chunk_size": 10}
        await saved.save(operator, smaller, reason="shorter passages", client=CLIENT)
        await until(lambda: worker._pipeline is not pipeline)


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


async def read_handbook(live: ServiceReloader, worker: object) -> Department:
    department = await make_department(live(), "beta")
    await department.read(worker, "handbook.md", HANDBOOK)  # type: ignore[arg-type]
    return department


def extractive(**config: int) -> dict[str, JsonValue]:
    return {"name": "extractive", "config": dict(config)}


def model(name: str, server: OpenAIServer) -> dict[str, JsonValue]:
    return {
        "name": name,
        "plugin": "plugins.llm.openai:OpenAIProvider",
        "config": {"api_key": "sk-test", "base_url": f"{server.address}/v1", "default_model": MODEL},
        "routing": {"priority": 1},
    }


async def test_the_api_shows_tries_saves_and_takes_back(
    live: ServiceReloader, operator: Principal, tmp_path: Path
) -> None:
    async with live().database.transaction(operator.organization_id) as session:
        (await session.get_one(User, operator.user_id)).role = Role.OPERATOR.value

    @asynccontextmanager
    async def opened() -> AsyncIterator[Callable[[], Services]]:
        yield live

    app = create_app(settings_of_tests(tmp_path), opened)
    app.state.services = live
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as api:
        login = await api.post("/api/v1/auth/login", json={"email": operator.email, "password": PASSWORD})
        api.cookies.clear()
        api.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        shown = {row["key"]: row for row in (await api.get("/api/v1/settings")).json()}
        assert shown["database.host"]["locked"]
        changes = {"retrieval.rerank_top_k": 3}
        tried = await api.post("/api/v1/settings/preview", json={"changes": changes})
        assert [change["key"] for change in tried.json()["changes"]] == ["retrieval.rerank_top_k"]
        wrong = await api.put("/api/v1/settings", json={"changes": {"retrieval.rerank_top_k": "x"}, "reason": "y"})
        assert (wrong.status_code, "retrieval.rerank_top_k" in wrong.text) == (422, True)
        saved = await api.put("/api/v1/settings", json={"changes": changes, "reason": "fewer", "expected": 0})
        assert saved.status_code == 200
        await until(lambda: live().settings.retrieval.rerank_top_k == 3)
        back = await api.post("/api/v1/settings/versions/0/restore", json={"reason": "as it was"})
        assert back.json()["restored_number"] == 0
        listed = (await api.get("/api/v1/settings/versions")).json()
        assert [row["reason"] for row in listed] == ["as it was", "fewer"]
