"""Which requests reach Chainlit, and as whom?

Chainlit serves far more than a chat needs, and signs people in by a cookie of its own. Behind this door it has neither:
only the routes listed here exist, our session decides who comes in, and the token Chainlit wants to see is made here
for one request and never reaches a browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from chainlit.auth import create_jwt
from chainlit.server import get_html_template
from chainlit.user import User
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chat_app.gateway.authentication import SAFE, SESSION_COOKIE, client_of
from chat_app.gateway.cookies import clear_session
from chat_app.gateway.errors import status_of
from chat_app.gateway.request_metrics import TEMPLATE
from chat_app.ui.caller import CALLER, ChatCaller
from chat_app.ui.sockets import OpenSockets, serve_until
from core.errors import AuthenticationError, AuthorizationError, KnowledgeFoundryError, NotFoundError
from services.bootstrap import Services

CHAT = "/chat"
_FILES = re.compile(r"/(assets|public|avatars)/.+|/(favicon|logo)")
_PAGES = re.compile(r"/|/thread/[0-9a-fA-F-]{36}")
_ROUTES = tuple(
    (method, re.compile(path))
    for method, path in (
        ("GET", r"/auth/config"),
        ("GET", r"/user"),
        ("GET", r"/project/settings"),
        ("GET", r"/project/translations"),
        ("POST", r"/project/threads"),
        ("GET", r"/project/thread/[0-9a-fA-F-]{36}"),
        ("PUT", r"/project/thread"),
        ("DELETE", r"/project/thread"),
        ("PUT", r"/feedback"),
        ("DELETE", r"/feedback"),
        ("GET", r"/project/file/[0-9a-fA-F-]{36}"),
        ("GET", r"/ws/socket\.io/?"),
        ("POST", r"/ws/socket\.io/?"),
    )
)
_FORMS = frozenset({"/login", "/logout", "/set-session-cookie"})
_ID = re.compile(r"[0-9a-fA-F-]{36}")
_ELSEWHERE = re.compile(r"<link\b[^>]*\bhref=\"https?://[^>]*>|<meta property=\"og:(image|url)\"[^>]*>", re.DOTALL)
PAGE_POLICY = (
    # 'unsafe-eval': Chainlit compiles our side view in the browser. Nothing may be fetched from anywhere else.
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; worker-src 'self' blob:; connect-src 'self' ws: wss:; "
    "font-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)


class ChainlitGate:
    """Lets callers with a session in, to what the chat needs, and nobody to anything else."""

    def __init__(self, chainlit: ASGIApp, services: Callable[[], Services], sockets: OpenSockets) -> None:
        self._chainlit = chainlit
        self._services = services
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))) or "/"
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        request = Request(scope, receive)
        scope[TEMPLATE] = _template(path)
        if request.method in {"GET", "HEAD"} and _FILES.fullmatch(path):
            await self._chainlit(scope, receive, send)
        elif request.method == "GET" and (_PAGES.fullmatch(path) or path == "/login"):
            await (await self._page(request, path))(scope, receive, send)
        elif request.method == "POST" and path == "/logout":
            await (await self._sign_out(request))(scope, receive, send)
        elif request.method == "POST" and path == "/set-session-cookie":
            # Sticky sessions for many processes behind a balancer; ours need none.
            await JSONResponse({"message": "not needed"})(scope, receive, send)
        elif request.method == "POST" and path == "/project/file":
            await self._upload(request, scope, receive, send)
        elif any(request.method == method and route.fullmatch(path) for method, route in _ROUTES):
            await self._enter(request, scope, receive, send)
        else:
            raise NotFoundError("There is no such page.")

    async def _enter(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        _same_origin(request)
        found = await self._caller(request)
        address = found.client.ip_address or "unknown"
        await self._services().limits.check(found.principal, ip=address, kind="read")
        await self._as(found, self._chainlit, scope, receive, send)

    async def _upload(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Chainlit's page shows why a file was refused only where it is told so in JSON of its own kind."""
        try:
            await self._enter(request, scope, receive, send)
        except KnowledgeFoundryError as error:
            await JSONResponse({"detail": str(error)}, status_of(error))(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = await self._caller(HTTPConnection(scope))
        except AuthenticationError:
            await send({"type": "websocket.close", "code": 1008})
            return
        with self._sockets.enter(found.principal) as end:

            async def serve(inner: Scope, receive: Receive, send: Send) -> None:
                await serve_until(end, self._chainlit, inner, receive, send)

            await self._as(found, serve, scope, receive, send)

    async def _as(self, found: ChatCaller, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve with the caller set, and with no cookie but the token made for Chainlit."""
        token = create_jwt(User(identifier=str(found.principal.user_id), display_name=found.principal.email))
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["cookie"] = f"access_token={token}"
        del headers["authorization"]
        before = CALLER.set(found)
        try:
            await app({**scope, "headers": headers.raw}, receive, send)
        finally:
            CALLER.reset(before)

    async def _caller(self, connection: HTTPConnection) -> ChatCaller:
        session = connection.cookies.get(SESSION_COOKIE, "")
        if not session:
            raise AuthenticationError("You are not signed in.", next_step="Sign in.")
        principal = await self._services().accounts.principal_from_token(session)
        return ChatCaller(principal, client_of(connection))

    async def _page(self, request: Request, path: str) -> Response:
        try:
            await self._caller(request)
        except AuthenticationError:
            return RedirectResponse(f"/login?next={quote(CHAT + path if path != '/login' else CHAT + '/')}", 303)
        if path == "/login":
            return RedirectResponse(f"{CHAT}/", 303)
        page = _ELSEWHERE.sub("", get_html_template(CHAT))
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})

    async def _sign_out(self, request: Request) -> Response:
        _same_origin(request)
        session = request.cookies.get(SESSION_COOKIE, "")
        try:
            found = await self._caller(request)
        except AuthenticationError:
            pass
        else:
            await self._services().accounts.sign_out(session)
            self._sockets.end_session(found.principal.session_id)
        response = JSONResponse({"success": True})
        clear_session(response)
        return response


def _template(path: str) -> str:
    """The route that a path is one of, for metrics; few, whatever is asked for."""
    if _FILES.fullmatch(path):
        return f"{CHAT}/{{file}}"
    known = _PAGES.fullmatch(path) or path in _FORMS or any(route.fullmatch(path) for _, route in _ROUTES)
    return CHAT + (_ID.sub("{id}", path).rstrip("/") or "/") if known else f"{CHAT}/{{other}}"


def _same_origin(request: Request) -> None:
    """Changes come from pages of this site; cookies of ours are not sent by others, and this says so once more."""
    if request.method in SAFE:
        return
    headers = Headers(scope=request.scope)
    origin = headers.get("origin")
    if origin and urlsplit(origin).netloc != headers.get("host"):
        raise AuthorizationError("The request comes from another site.")
