"""Who is calling, and may they call so often?"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from core.errors import AuthenticationError, AuthorizationError
from core.identity import Principal
from core.security.tokens import TokenPurpose, has_purpose
from services.audit import ClientInfo
from services.bootstrap import Services
from services.gateway_settings import GatewaySettings

SESSION_COOKIE = "kf_session"
REFRESH_COOKIE = "kf_refresh"
CSRF_COOKIE = "kf_csrf"
CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def services_in(app: Starlette) -> Services:
    """The services in force; a request keeps those it began with."""
    services: Services = app.state.services()
    return services


def services_of(request: Request) -> Services:
    """The services of the application that serves the request."""
    return services_in(request.app)


def settings_of(request: HTTPConnection) -> GatewaySettings:
    """The settings the application was made with."""
    settings: GatewaySettings = request.app.state.settings
    return settings


def client_of(request: HTTPConnection) -> ClientInfo:
    """The caller's address, taken from X-Forwarded-For only when a trusted proxy says it."""
    address = request.client.host if request.client else None
    trusted = settings_of(request).trusted_proxies
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
    if forwarded and address in trusted:
        address = forwarded[:64]
    return ClientInfo(address, request.headers.get("User-Agent"))


async def principal_of(request: Request) -> Principal:
    """The caller, by bearer token, API key or session cookie, counted against their limits.

    Raises:
        AuthenticationError: No credential, or none that is valid.
        AuthorizationError: A cookie without its CSRF token.
        RateLimitError: Too many requests.
    """
    services = services_of(request)
    client = client_of(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = request.headers.get("X-API-Key", "")
    try:
        if scheme.lower() == "bearer" and token:
            principal = await _by_token(services, token.strip())
        elif key:
            principal = await services.accounts.principal_from_api_key(key)
        elif cookie := request.cookies.get(SESSION_COOKIE):
            _check_csrf(request)
            principal = await services.accounts.principal_from_token(cookie)
        else:
            raise AuthenticationError("You are not signed in.", next_step="Sign in, or send a token or API key.")
    except AuthenticationError:
        await services.limits.check(None, ip=client.ip_address or "unknown", kind="write")
        raise
    address = client.ip_address or "unknown"
    await services.limits.check(principal, ip=address, kind="read" if request.method in SAFE else "write")
    return principal


async def anonymous_limit(request: Request) -> None:
    """Count a call of nobody in particular against its address."""
    address = client_of(request).ip_address or "unknown"
    await services_of(request).limits.check(None, ip=address, kind="write")


async def _by_token(services: Services, token: str) -> Principal:
    if has_purpose(token, TokenPurpose.API_KEY):
        return await services.accounts.principal_from_api_key(token)
    return await services.accounts.principal_from_token(token)


def _check_csrf(request: Request) -> None:
    if request.method in SAFE:
        return
    cookie, header = request.cookies.get(CSRF_COOKIE, ""), request.headers.get(CSRF_HEADER, "")
    if not cookie or not secrets.compare_digest(cookie.encode(), header.encode()):
        raise AuthorizationError("The request does not carry its CSRF token.", next_step="Reload the page.")


class ClosedRoute(APIRoute):
    """A route that knows its caller before it reads anything of the request's body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def closed(request: Request) -> Response:
            request.state.principal = await principal_of(request)
            return await handle(request)

        return closed


def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


App = Annotated[Services, Depends(services_of)]
Caller = Annotated[Principal, Depends(_caller)]
Client = Annotated[ClientInfo, Depends(client_of)]
Web = Annotated[GatewaySettings, Depends(settings_of)]
