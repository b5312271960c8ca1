"""Do pages of other origins stay outside, and does whoever has no session come to the form?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from admin_app.api_client import Tokens
from admin_app.sessions import Sessions
from admin_app.sign_in import ROUTES, SessionCookie

HOST = "admin.example:8501"
PAGE = {"Accept": "text/html"}


def _renewed(token: str) -> Tokens:
    return Tokens("new", f"after-{token}", time.time() + 3600)


@pytest.fixture
def browser() -> Iterator[TestClient]:
    """A browser at an admin app whose pages are one word."""

    async def page(request: Request) -> Response:
        return PlainTextResponse("page")

    async def socket(connection: WebSocket) -> None:
        await connection.accept()
        await connection.close()

    app = Starlette(
        routes=[*ROUTES, WebSocketRoute("/_stcore/stream", socket), Route("/{path:path}", page)],
        middleware=[Middleware(SessionCookie, sessions=Sessions(_renewed))],
    )
    with TestClient(app, base_url=f"http://{HOST}", follow_redirects=False) as client:
        yield client


def test_whoever_has_no_session_is_sent_to_the_form_and_back_to_the_page(browser: TestClient) -> None:
    answer = browser.get("/people", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/people")
    form = browser.get(answer.headers["location"], headers=PAGE)
    assert 'name="next" value="/people"' in form.text
    assert "frame-ancestors 'none'" in form.headers["content-security-policy"]


@pytest.mark.parametrize("onward", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example"])
def test_the_form_leads_to_pages_of_this_server_only(browser: TestClient, onward: str) -> None:
    assert 'name="next" value="/"' in browser.get("/sign-in", params={"next": onward}, headers=PAGE).text


def test_a_page_load_hands_out_the_tokens_of_now(browser: TestClient) -> None:
    expired = Tokens("old", "r", time.time() - 1)
    answer = browser.get("/people", headers={**PAGE, "Cookie": f"kf_admin_8501={expired.written()}"})
    assert answer.text == "page"
    given = answer.headers["set-cookie"]
    assert "|after-r|new" in given
    assert {"HttpOnly", "SameSite=lax"} <= {part.strip() for part in given.split(";")}
    assert "Secure" not in given
    over_tls = {**PAGE, "Cookie": f"kf_admin_8501={expired.written()}", "X-Forwarded-Proto": "https"}
    assert "Secure" in browser.get("/people", headers=over_tls).headers["set-cookie"]


def test_forms_of_other_pages_open_no_session(browser: TestClient) -> None:
    for headers in ({}, {"Origin": "null"}, {"Origin": "http://admin.example:8000"}):
        answer = browser.post("/sign-in", data={"email": "a@b.example", "password": "x"}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_sockets_of_other_pages_are_closed(browser: TestClient) -> None:
    with browser.websocket_connect("/_stcore/stream", headers={"Host": HOST, "Origin": f"http://{HOST}"}):
        pass
    foreign = {"Host": HOST, "Origin": "http://admin.example:8000"}
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/_stcore/stream", headers=foreign):
        pass
