"""Does the chat let in who has a session, and nobody to what it does not need?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from chainlit.auth import create_jwt
from chainlit.user import User
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat_app.asgi import create_app
from chat_app.ui.sockets import SESSION_ENDED
from services.bootstrap import Services
from tests.fixtures.application import PASSWORD, Department, make_department
from tests.integration.test_gateway import settings_of_tests
from tests.support.waiting import until

PAGE = "/chat/"
CLOSED = [
    ("POST", "/chat/auth/jwt"),
    ("POST", "/chat/auth/header"),
    ("POST", "/chat/login"),
    ("GET", "/chat/auth/oauth/github"),
    ("PUT", "/chat/project/element"),
    ("DELETE", "/chat/project/element"),
    ("POST", "/chat/project/action"),
    ("PUT", "/chat/project/thread/share"),
    ("GET", "/chat/project/share/00000000-0000-0000-0000-000000000001"),
    ("POST", "/chat/mcp"),
    ("DELETE", "/chat/mcp"),
    ("GET", "/chat/copilot/index.js"),
    ("GET", "/chat/health"),
]
SIGNED_IN_ONLY = [
    ("GET", "/chat/user"),
    ("GET", "/chat/project/settings"),
    ("POST", "/chat/project/threads"),
    ("GET", "/chat/project/thread/00000000-0000-0000-0000-000000000001"),
    ("PUT", "/chat/project/thread"),
    ("DELETE", "/chat/project/thread"),
    ("PUT", "/chat/feedback"),
    ("POST", "/chat/project/file?session_id=x"),
    ("GET", "/chat/project/file/00000000-0000-0000-0000-000000000001?session_id=x"),
    ("GET", "/chat/ws/socket.io/?EIO=4&transport=polling"),
]


@pytest.fixture
async def address(services: Services, tmp_path: Path) -> AsyncIterator[str]:
    """The gateway on a port of its own: sockets need a real server."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Callable[[], Services]]:
        yield lambda: services

    config = uvicorn.Config(create_app(settings_of_tests(tmp_path), opened), port=0, log_level="critical")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


@pytest.fixture
async def web(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address) as client:
        yield client


async def sign_in(web: httpx.AsyncClient, department: Department) -> None:
    body = {"email": department.user.email, "password": PASSWORD}
    assert (await web.post("/api/v1/auth/login", json=body)).status_code == 200


async def close_code(socket: ClientConnection) -> int | None:
    """With which code the server closes; what it still sends before is read over."""
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def test_what_the_chat_does_not_need_does_not_exist(web: httpx.AsyncClient, department: Department) -> None:
    await sign_in(web, department)
    body = {"element": {"type": "file", "path": "/etc/passwd", "url": "http://169.254.169.254/"}, "sessionId": "x"}
    for method, path in CLOSED:
        answer = await web.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_nobody_reaches_the_chat_without_a_session(web: httpx.AsyncClient, department: Department) -> None:
    for method, path in SIGNED_IN_ONLY:
        assert (await web.request(method, path, json={})).status_code == 401, path
    page = await web.get(PAGE)
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/chat/")


async def test_a_token_of_chainlits_own_opens_nothing(web: httpx.AsyncClient, department: Department) -> None:
    forged = create_jwt(User(identifier=str(department.user.id)))
    web.cookies.set("access_token", forged)
    assert (await web.get("/chat/user")).status_code == 401
    assert (await web.get("/chat/user", headers={"Authorization": f"Bearer {forged}"})).status_code == 401


async def test_the_session_decides_who_one_is_whatever_else_is_sent(
    web: httpx.AsyncClient, services: Services, department: Department
) -> None:
    other = await make_department(services, "beta")
    web.cookies.set("access_token", create_jwt(User(identifier=str(other.user.id))))
    await sign_in(web, department)
    answer = await web.get("/chat/user")
    assert answer.json()["identifier"] == str(department.user.id)
    assert "set-cookie" not in answer.headers


async def test_the_page_asks_nothing_of_other_hosts(web: httpx.AsyncClient, department: Department) -> None:
    await sign_in(web, department)
    page = await web.get(PAGE)
    assert page.status_code == 200
    assert 'href="http' not in page.text
    assert 'src="http' not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_changes_from_another_site_are_refused(web: httpx.AsyncClient, department: Department) -> None:
    await sign_in(web, department)
    body = {"pagination": {"first": 5}, "filter": {}}
    away = {"Origin": "https://evil.example"}
    assert (await web.post("/chat/project/threads", json=body, headers=away)).status_code == 403
    assert (await web.post("/chat/project/threads", json=body)).status_code == 200


async def test_conversations_of_others_look_absent(
    web: httpx.AsyncClient, services: Services, department: Department
) -> None:
    other = await make_department(services, "beta")
    theirs = await services.chats.create(other.principal, title="Salaries")
    await sign_in(web, department)
    for chat_id in (theirs.id, uuid4()):
        assert (await web.get(f"/chat/project/thread/{chat_id}")).status_code == 404
        renamed = await web.put("/chat/project/thread", json={"threadId": str(chat_id), "name": "mine now"})
        assert renamed.status_code == 404
        deleted = await web.request("DELETE", "/chat/project/thread", json={"threadId": str(chat_id)})
        assert deleted.status_code == 404
    listed = await web.post("/chat/project/threads", json={"pagination": {"first": 50}, "filter": {}})
    assert listed.json()["data"] == []
    assert (await services.chats.get(other.principal, theirs.id)).title == "Salaries"


async def test_a_body_larger_than_its_route_can_use_is_stopped(web: httpx.AsyncClient, department: Department) -> None:
    await sign_in(web, department)
    body = {"pagination": {"first": 5}, "filter": {"search": "x" * 3_000_000}}
    refused = await web.post("/chat/project/threads", json=body)
    assert refused.status_code == 413
    assert refused.json()["failure_code"] == "too_large"

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    bearer = {"Authorization": f"Bearer {web.cookies['kf_session']}"}
    assert (await web.post("/api/v1/chats", content=unannounced(), headers=bearer)).status_code == 413


async def test_signing_out_ends_the_session_and_its_sockets(
    web: httpx.AsyncClient, address: str, department: Department
) -> None:
    await sign_in(web, department)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in web.cookies.jar)
    url = f"{address.replace('http', 'ws', 1)}/chat/ws/socket.io/?EIO=4&transport=websocket"
    async with connect(url, additional_headers={"Cookie": cookies, "Origin": address}) as socket:
        assert (await socket.recv()).startswith("0{")  # type: ignore[arg-type]  # text frames of engine.io
        assert (await web.post("/chat/logout")).json() == {"success": True}
        assert await close_code(socket) == SESSION_ENDED
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers={"Cookie": cookies, "Origin": address})


async def test_a_session_revoked_elsewhere_closes_its_sockets(
    web: httpx.AsyncClient, address: str, services: Services, department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat_app.ui.sockets.LOOK_EVERY_S", 0.05)
    await sign_in(web, department)
    token = web.cookies["kf_session"]
    url = f"{address.replace('http', 'ws', 1)}/chat/ws/socket.io/?EIO=4&transport=websocket"
    async with connect(url, additional_headers={"Cookie": f"kf_session={token}", "Origin": address}) as socket:
        await services.accounts.sign_out(token)
        assert await close_code(socket) == SESSION_ENDED


async def test_another_sites_page_cannot_open_a_socket(
    web: httpx.AsyncClient, address: str, department: Department
) -> None:
    await sign_in(web, department)
    url = f"{address.replace('http', 'ws', 1)}/chat/ws/socket.io/?EIO=4&transport=websocket"
    headers = {"Cookie": f"kf_session={web.cookies['kf_session']}", "Origin": "https://evil.example"}
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers=headers)


async def test_signing_in_goes_on_to_pages_of_this_site_only(web: httpx.AsyncClient, department: Department) -> None:
    for given, expected in (
        ("/chat/thread/x", "/chat/thread/x"),
        ("//evil.example", "/chat/"),
        ("https://evil.example", "/chat/"),
        ("/\\evil.example", "/chat/"),
    ):
        page = await web.get("/login")
        token = page.text.split('name="token" value="')[1].split('"')[0]
        form = {"email": department.user.email, "password": PASSWORD, "token": token, "next": given}
        answer = await web.post("/login", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, expected)
