"""How does a browser sign in to the admin app, and stay so when a page is loaded anew?

The cookie is set by this server and comes back to it alone, so that nothing need be known of where the gateway lies.
"""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from admin_app.api_client import ApiClient, ApiProblem, Tokens, gateway_url
from admin_app.sessions import Sessions, sessions

SIGN_IN = "/sign-in"
OWN_PATHS = (SIGN_IN, "/_stcore", "/static")
"""Where no page of the admin app is."""
FORM_BYTES = 10_000
_PAGE = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def cookie_name(host: str | None) -> str:
    """Cookies do not tell ports apart; two admin apps on one machine must."""
    port = urlsplit(f"//{host or ''}").netloc.rpartition(":")[2]
    return f"kf_admin_{port}" if port.isdecimal() else "kf_admin"


def tokens_of(connection: HTTPConnection) -> Tokens | None:
    """The tokens that the browser keeps."""
    return Tokens.read(connection.cookies.get(cookie_name(connection.headers.get("host"))))


class SessionCookie:
    """Sends whoever has no session to the sign-in page, and gives the browser the tokens of now at each page load."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not _same_origin(Headers(scope=scope)):
            # Another page on this machine would come with the cookie, for it is of the same site.
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and _asks_for_page(scope):
            await self._page(Request(scope), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, request: Request, receive: Receive, send: Send) -> None:
        tokens = tokens_of(request)
        try:
            newest = await run_in_threadpool(self._sessions.current, tokens) if tokens else None
        except ApiProblem:
            newest = tokens  # The page itself says what is the matter.
        if newest is None:
            address = RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path)}", 303)
            await address(request.scope, receive, send)
            return

        async def renewed(message: Message) -> None:
            if message["type"] == "http.response.start" and newest != tokens:
                given = Response()
                _keep(given, request, newest)
                MutableHeaders(scope=message).append("set-cookie", given.headers["set-cookie"])
            await send(message)

        await self._app(request.scope, receive, renewed)


async def show_form(request: Request) -> Response:
    """The form. What a session that has ended left in the browser goes."""
    tokens = tokens_of(request)
    said = sessions.farewell(tokens) if tokens else None
    response = _form(request.query_params.get("next", ""), status_text=said or "")
    if said is not None:
        response.delete_cookie(cookie_name(request.headers.get("host")))
    return response


async def sign_in(request: Request) -> Response:
    """Open a session; the form must be ours, for another site could sign people in as somebody else."""
    if not request.headers.get("origin") or not _same_origin(request.headers):
        return _form("", problem="The form has expired. Try again.", status=403)
    if int(request.headers.get("content-length", FORM_BYTES + 1)) > FORM_BYTES:
        return _form("", problem="That is more than an e-mail and a password.", status=413)
    async with request.form(max_files=0, max_fields=5) as form:
        email, password, onward = (str(form.get(name, "")) for name in ("email", "password", "next"))
    api = ApiClient(gateway_url(), forwarded_for=request.client.host if request.client else "")
    try:
        tokens = await run_in_threadpool(api.sign_in, email, password)
    except ApiProblem as problem:
        return _form(onward, email=email, problem=str(problem), status=problem.status or 503)
    response = RedirectResponse(_own_page(onward), 303)
    _keep(response, request, tokens)
    return response


ROUTES = [Route(SIGN_IN, show_form, methods=["GET"]), Route(SIGN_IN, sign_in, methods=["POST"])]


def _keep(response: Response, request: Request, tokens: Tokens) -> None:
    """Until the browser is closed; out of reach of scripts."""
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    name = cookie_name(request.headers.get("host"))
    response.set_cookie(name, tokens.written(), httponly=True, samesite="lax", secure=secure)


def _form(onward: str, *, email: str = "", problem: str = "", status_text: str = "", status: int = 200) -> HTMLResponse:
    said = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    said += f'<p role="status">{html.escape(status_text)}</p>' if status_text else ""
    values = {"said": said, "next": html.escape(_own_page(onward)), "email": html.escape(email)}
    page = _PAGE
    for name, value in values.items():
        page = page.replace(f"{{{name}}}", value)
    return HTMLResponse(page, status, headers=_HEADERS)


def _own_page(address: str) -> str:
    """The address, if it is a page of this server; sign-in must not send people elsewhere."""
    own = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if own else "/"


def _asks_for_page(scope: Scope) -> bool:
    if scope["method"] != "GET" or scope["path"].startswith(OWN_PATHS):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def _same_origin(headers: Headers) -> bool:
    """Whether a page of this server asks; programs, which name no origin, have no cookie to lose either."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
