"""Routes: how does one sign in and out?"""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Depends, Request, Response

from chat_app.gateway.authentication import (
    REFRESH_COOKIE,
    SESSION_COOKIE,
    App,
    Caller,
    Client,
    ClosedRoute,
    Web,
    anonymous_limit,
)
from chat_app.gateway.cookies import clear_session, set_session
from chat_app.gateway.schemas import LoginBody, RefreshBody, TokenView
from core.errors import AuthenticationError
from services.accounts.accounts import TokenPair
from services.views.accounts import AccountView

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
closed = APIRouter(route_class=ClosedRoute, prefix="/api/v1/auth", tags=["auth"])


@router.post("/login", dependencies=[Depends(anonymous_limit)])
async def login(body: LoginBody, response: Response, services: App, client: Client, settings: Web) -> TokenView:
    """Sign in; browsers get cookies, programs use the tokens."""
    tokens = await services.accounts.sign_in(body.email, body.password, client=client)
    set_session(response, tokens, settings)
    return _view(tokens)


@router.post("/refresh", dependencies=[Depends(anonymous_limit)])
async def refresh(body: RefreshBody, request: Request, response: Response, services: App, settings: Web) -> TokenView:
    """Exchange a refresh token, once."""
    token = body.refresh_token or request.cookies.get(REFRESH_COOKIE, "")
    if not token:
        raise AuthenticationError("There is no refresh token.", next_step="Sign in again.")
    tokens = await services.accounts.refresh(token)
    set_session(response, tokens, settings)
    return _view(tokens)


@closed.post("/logout", status_code=204)
async def logout(request: Request, response: Response, services: App, principal: Caller) -> None:
    """End the session everywhere."""
    log.info("signed_out", user_id=str(principal.user_id))
    bearer = request.headers.get("Authorization", "").partition(" ")[2]
    await services.accounts.sign_out(bearer or request.cookies.get(SESSION_COOKIE, ""))
    clear_session(response)


@closed.get("/me")
async def me(services: App, principal: Caller) -> AccountView:
    """Who am I?"""
    return await services.accounts.me(principal)


def _view(tokens: TokenPair) -> TokenView:
    return TokenView(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=max(0, int((tokens.expires_at - datetime.now(UTC)).total_seconds())),
    )
