"""Is the one door closed to everybody who may not come in, and open to who may?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from chat_app.asgi import create_app
from chat_app.gateway import errors as gateway_errors
from core import errors
from core.security.tokens import TokenPurpose, digest, new_token
from db.models import ApiKey
from services.bootstrap import Services
from services.gateway_settings import GatewaySettings
from services.worker.container import Worker
from tests.fixtures.application import PASSWORD, Department


def settings_of_tests(data_dir: Path) -> GatewaySettings:
    """Values a gateway of the tests runs with."""
    return GatewaySettings(
        name="Test",
        version="0",
        host="127.0.0.1",
        port=8000,
        allowed_origins=("https://ok.example",),
        trusted_proxies=(),
        secure_cookies=False,
        cookie_lifetime_s=3600,
        data_dir=data_dir,
        max_upload_bytes=50_000_000,
        log_level="INFO",
        log_format="json",
    )


OPEN = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/login",
    "/login/link/{link}",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/{protocol}/{name}/login",
    "/api/v1/auth/oauth2/{name}/callback",
    "/api/v1/auth/saml/{name}/acs",
    "/api/v1/auth/saml/{name}/metadata",
}


@pytest.fixture
async def api(services: Services, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Callable[[], Services]]:
        yield lambda: services

    app = create_app(settings_of_tests(tmp_path), opened)
    app.state.services = lambda: services
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def sign_in(api: httpx.AsyncClient, department: Department) -> dict[str, str]:
    answer = await api.post("/api/v1/auth/login", json={"email": department.user.email, "password": PASSWORD})
    assert answer.status_code == 200
    api.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def routes(folder: Path) -> list[tuple[str, str]]:
    paths = create_app(settings_of_tests(folder)).openapi()["paths"]
    return [(method, path) for path, methods in paths.items() if path not in OPEN for method in methods]


async def test_every_other_route_is_closed_without_a_credential(api: httpx.AsyncClient, tmp_path: Path) -> None:
    every = routes(tmp_path)
    assert len(every) >= 20
    for method, path in every:
        url = path.replace("{", "").replace("}", "")
        for name in ("document_id", "version_id", "task_id", "chunk_id", "run_id", "chat_id", "message_id", "user_id"):
            url = url.replace(name, "00000000-0000-0000-0000-000000000001")
        answer = await api.request(method, url, content=b"not json", headers={"Content-Type": "application/json"})
        assert answer.status_code == 401, (method, path)


async def test_upload_ask_and_stream_through_the_api(
    api: httpx.AsyncClient, department: Department, worker: Worker
) -> None:
    headers = await sign_in(api, department)
    answer = await api.post(
        "/api/v1/documents", files={"file": ("note.md", b"The office closes at 18:30 on Fridays.")}, headers=headers
    )
    assert answer.status_code == 202
    receipt = answer.json()
    await worker.dispatcher.begin(department.principal.organization_id, receipt["task_id"])
    await worker.dispatcher.drain()
    body = {"question": "When does the office close on Fridays?"}
    whole = await api.post("/api/v1/chat", json=body, headers=headers)
    assert whole.json()["citations"][0]["filename"] == "note.md"
    stream = await api.post("/api/v1/chat/stream", json=body, headers=headers)
    names = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event: ")]
    assert names[0] == "run"
    assert names[-1] == "done"
    assert names.index("citation") < names.index("token")


async def test_administrators_say_which_text_may_reach_which_models(
    api: httpx.AsyncClient, department: Department
) -> None:
    headers = await sign_in(api, department)
    (collection,) = (await api.get("/api/v1/collections", headers=headers)).json()
    assert collection["data_class"] == "internal"
    path = f"/api/v1/collections/{collection['id']}"
    assert (await api.patch(path, json={"data_class": "secret"}, headers=headers)).status_code == 422
    assert (await api.patch(path, json={"data_class": "confidential"}, headers=headers)).status_code == 204
    (collection,) = (await api.get("/api/v1/collections", headers=headers)).json()
    assert collection["data_class"] == "confidential"
    allowed = await api.put("/api/v1/organization/models", json={"models": ["gpt-*"]}, headers=headers)
    assert (allowed.status_code, allowed.json()) == (200, {"models": ["gpt-*"]})
    assert (await api.get("/api/v1/organization/models", headers=headers)).json() == {"models": ["gpt-*"]}


async def test_a_cookie_alone_cannot_change_anything(api: httpx.AsyncClient, department: Department) -> None:
    answer = await api.post("/api/v1/auth/login", json={"email": department.user.email, "password": PASSWORD})
    csrf = answer.cookies["kf_csrf"]
    assert (await api.post("/api/v1/chats", json={"title": "x"})).status_code == 403
    assert (await api.post("/api/v1/chats", json={"title": "x"}, headers={"X-CSRF-Token": csrf})).status_code == 201


async def test_signing_out_ends_the_token(api: httpx.AsyncClient, department: Department) -> None:
    headers = await sign_in(api, department)
    assert (await api.get("/api/v1/auth/me", headers=headers)).json()["email"] == department.user.email
    assert (await api.post("/api/v1/auth/logout", headers=headers)).status_code == 204
    assert (await api.get("/api/v1/auth/me", headers=headers)).status_code == 401


async def test_a_refresh_token_used_twice_ends_the_session(api: httpx.AsyncClient, department: Department) -> None:
    tokens = (await api.post("/api/v1/auth/login", json={"email": department.user.email, "password": PASSWORD})).json()
    api.cookies.clear()
    body = {"refresh_token": tokens["refresh_token"]}
    fresh = (await api.post("/api/v1/auth/refresh", json=body)).json()
    api.cookies.clear()
    assert (await api.post("/api/v1/auth/refresh", json=body)).status_code == 401
    headers = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert (await api.get("/api/v1/auth/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
async def test_tokens_of_others_are_refused(api: httpx.AsyncClient, token: str) -> None:
    answer = await api.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_an_api_key_opens_the_door_in_either_header(
    api: httpx.AsyncClient, department: Department, header: str
) -> None:
    key = new_token(TokenPurpose.API_KEY)
    row = ApiKey(
        organization_id=department.principal.organization_id,
        user_id=department.user.id,
        key_hash=digest(key),
        name="test",
        scopes=["read"],
    )
    async with department.services.database.transaction(department.principal.organization_id) as session:
        session.add(row)
    headers = {header: f"Bearer {key}" if header == "Authorization" else key}
    assert (await api.get("/api/v1/documents", headers=headers)).status_code == 200
    upload = await api.post("/api/v1/documents", files={"file": ("note.md", b"words")}, headers=headers)
    assert upload.status_code == 403, "the key may only read"
    assert (await api.get("/api/v1/documents", headers={header: headers[header] + "x"})).status_code == 401


async def test_wrong_passwords_and_unknown_people_look_alike(api: httpx.AsyncClient, department: Department) -> None:
    wrong = await api.post("/api/v1/auth/login", json={"email": department.user.email, "password": "wrong"})
    unknown = await api.post("/api/v1/auth/login", json={"email": "nobody@alpha.example", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_the_sign_in_form_needs_its_own_cookie(api: httpx.AsyncClient, department: Department) -> None:
    form = {"email": department.user.email, "password": PASSWORD}
    assert (await api.post("/login", data=form)).status_code == 403
    page = await api.get("/login")
    token = page.text.split('name="token" value="')[1].split('"')[0]
    answer = await api.post("/login", data={**form, "token": token})
    assert answer.status_code == 303
    assert "kf_session" in answer.cookies


def test_every_error_of_the_tree_has_a_status() -> None:
    kinds = [errors.KnowledgeFoundryError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    own = [kind for kind in kinds if kind.__module__ == "core.errors"]
    assert {kind for kind in own if kind not in gateway_errors.STATUS} == set()


async def test_a_program_of_an_allowed_origin_may_use_every_method_that_routes_have(tmp_path: Path) -> None:
    settings = replace(settings_of_tests(tmp_path), allowed_origins=("https://portal.example",))
    app = create_app(settings)
    methods = {method for route in app.routes for method in getattr(route, "methods", None) or ()} - {"HEAD", "OPTIONS"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as web:
        for method in methods:
            asked = {"Origin": "https://portal.example", "Access-Control-Request-Method": method}
            assert (await web.options("/api/v1/chats", headers=asked)).status_code == 200, method
