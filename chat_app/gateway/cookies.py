"""How does a browser keep its session?"""

from __future__ import annotations

import secrets

from fastapi import Response

from chat_app.gateway.authentication import CSRF_COOKIE, REFRESH_COOKIE, SESSION_COOKIE
from services.accounts.accounts import TokenPair
from services.gateway_settings import GatewaySettings

REFRESH_PATH = "/api/v1/auth"


def set_session(response: Response, tokens: TokenPair, settings: GatewaySettings) -> None:
    """Session and refresh token out of reach of scripts, and a CSRF token that scripts of this site may read."""
    common = {"secure": settings.secure_cookies, "samesite": "lax", "max_age": settings.cookie_lifetime_s}
    response.set_cookie(SESSION_COOKIE, tokens.access_token, httponly=True, **common)  # type: ignore[arg-type]  # one dict
    response.set_cookie(REFRESH_COOKIE, tokens.refresh_token, httponly=True, path=REFRESH_PATH, **common)  # type: ignore[arg-type]  # one dict
    response.set_cookie(CSRF_COOKIE, secrets.token_urlsafe(24), httponly=False, **common)  # type: ignore[arg-type]  # one dict


def clear_session(response: Response) -> None:
    """Forget the session."""
    response.delete_cookie(SESSION_COOKIE)
    response.delete_cookie(REFRESH_COOKIE, path=REFRESH_PATH)
    response.delete_cookie(CSRF_COOKIE)
