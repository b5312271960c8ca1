"""Pages: how does a browser sign in? Plain forms, which work without JavaScript."""

from __future__ import annotations

import html
import secrets
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from chat_app.gateway.authentication import App, Client, Web, anonymous_limit, services_of
from chat_app.gateway.cookies import set_session
from chat_app.gateway.pages import page_text
from core.errors import AuthenticationError, AuthorizationError

router = APIRouter(include_in_schema=False)
FORM_COOKIE = "kf_form"
CHAT = "/chat/"
Onward = Annotated[str, Query(alias="next", max_length=400)]
"""Where to go after signing in."""


@router.get("/")
async def home() -> Response:
    """To the chat, which sends whoever has no session to the sign-in page."""
    return RedirectResponse(CHAT, 303)


@router.get("/login")
async def login_page(request: Request, onward: Onward = CHAT) -> Response:
    """The form; a browser whose session can be renewed goes on without it."""
    return sign_in_page(request, action="/login", onward=onward)


@router.post("/login", dependencies=[Depends(anonymous_limit)])
async def login(
    request: Request,
    services: App,
    client: Client,
    settings: Web,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=1024)],
    token: Annotated[str, Form(max_length=100)] = "",
    onward: Annotated[str, Form(alias="next", max_length=400)] = CHAT,
) -> Response:
    """Sign in by password."""
    _check_form(request, token)
    try:
        tokens = await services.accounts.sign_in(email, password, client=client)
    except AuthenticationError as error:
        return sign_in_page(request, action="/login", problem=str(error), email=email, onward=onward, status=401)
    response = RedirectResponse(own_page(onward), 303)
    set_session(response, tokens, settings)
    return response


@router.get("/login/link/{link}")
async def link_page(link: str, request: Request) -> Response:
    """A button: opening the link alone must not use it up, for mail programs open links too."""
    return sign_in_page(request, action=f"/login/link/{html.escape(link, quote=True)}", by_link=True)


@router.post("/login/link/{link}", dependencies=[Depends(anonymous_limit)])
async def redeem(
    link: str,
    request: Request,
    services: App,
    client: Client,
    settings: Web,
    token: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Sign in by link, once."""
    _check_form(request, token)
    try:
        tokens = await services.accounts.redeem_link(link, client=client)
    except AuthenticationError as error:
        return sign_in_page(request, action="/login", problem=str(error), status=401)
    response = RedirectResponse(CHAT, 303)
    set_session(response, tokens, settings)
    return response


def _check_form(request: Request, token: str) -> None:
    """The form must have been served by us to this browser."""
    if not secrets.compare_digest(request.cookies.get(FORM_COOKIE, "").encode(), token.encode()) or not token:
        raise AuthorizationError("The form has expired.", next_step="Open the sign-in page again.")


def own_page(address: str) -> str:
    """The address, if it is a page of this site; sign-in must not send people elsewhere."""
    own = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if own else CHAT


def sign_in_page(
    request: Request,
    *,
    action: str,
    problem: str = "",
    email: str = "",
    onward: str = CHAT,
    by_link: bool = False,
    status: int = 200,
) -> Response:
    """The page with its form, a new form token, and a button for every other service people may sign in through."""
    token = secrets.token_urlsafe(24)
    fields = "" if by_link else _FIELDS.replace("{email}", html.escape(email, quote=True))
    page = page_text("login.html")
    page = page.replace("{action}", action).replace("{token}", token).replace("{fields}", fields)
    page = page.replace("{next}", html.escape(own_page(onward), quote=True))
    page = page.replace("{elsewhere}", "" if by_link else _elsewhere(request, onward))
    page = page.replace("{problem}", f'<p role="alert">{html.escape(problem)}</p>' if problem else "")
    response = HTMLResponse(page, status)
    secure = request.url.scheme == "https"
    response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/login")
    return response


def _elsewhere(request: Request, onward: str) -> str:
    query = urlencode({"next": own_page(onward)})
    links = [
        f'<a class="button" href="/api/v1/auth/{choice.protocol}/{choice.name}/login?{query}">'
        f"{html.escape(choice.title)}</a>"
        for choice in services_of(request).federation.choices()
    ]
    return "".join(links)


_FIELDS = (
    '<label>E-mail<input name="email" type="email" autocomplete="username" required autofocus value="{email}"></label>'
    '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
)
