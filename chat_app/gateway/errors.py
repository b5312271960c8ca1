"""Which HTTP answer does an error get?

Problem details of RFC 9457. The tree of errors knows no status; this is the only place that does.
"""

from __future__ import annotations

import math
import secrets
import traceback

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from chat_app.gateway.authentication import settings_of
from core import errors

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.KnowledgeFoundryError], int] = {
    errors.KnowledgeFoundryError: 500,
    errors.ConfigurationError: 500,
    errors.ProviderError: 502,
    errors.ProviderUnavailableError: 503,
    errors.ProviderRateLimitError: 503,
    errors.ProviderNotAllowedError: 403,
    errors.DatabaseError: 503,
    errors.AuthenticationError: 401,
    errors.AuthorizationError: 403,
    errors.QuotaError: 403,
    errors.RateLimitError: 429,
    errors.ValidationError: 422,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.DocumentError: 422,
}
MEDIA_TYPE = "application/problem+json"
TOO_LARGE = "too_large"


def install(app: FastAPI) -> None:
    """Answer every error as a problem."""
    app.add_exception_handler(errors.KnowledgeFoundryError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def status_of(error: errors.KnowledgeFoundryError) -> int:
    """The status of the nearest class that has one."""
    if isinstance(error, errors.DocumentError) and error.failure_code == TOO_LARGE:
        return 413
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(status: int, code: str, detail: str, next_step: str = "", **more: object) -> JSONResponse:
    """A problem as JSON."""
    body = {"status": status, "code": code, "title": code.replace("_", " "), "detail": detail, "next_step": next_step}
    return JSONResponse({**body, **more}, status, media_type=MEDIA_TYPE)


def _trace(request: Request, error: Exception) -> dict[str, object]:
    """With ``app.debug`` where an error came from; it may quote what somebody wrote, so production refuses that."""
    if not settings_of(request).debug:
        return {}
    return {"trace": "".join(traceback.format_exception(error)).splitlines()}


async def _known(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, errors.KnowledgeFoundryError):
        raise error
    more = _trace(request, error)
    if isinstance(error, errors.DocumentError):
        more["failure_code"] = error.failure_code
    response = problem(status_of(error), error.code, error.message, error.next_step, **more)
    if isinstance(error, errors.RateLimitError):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, errors.AuthenticationError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # The input itself is not repeated: it may hold a password.
    mistakes = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return problem(422, "invalid_input", "; ".join(mistakes))


async def _http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, "http_error", str(error.detail))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    incident = secrets.token_hex(4)
    log.error("request_broken", incident=incident, exc_info=error)
    return problem(
        500,
        "internal_error",
        f"Something went wrong on our side (incident {incident}).",
        "Tell the operator the number.",
        **_trace(request, error),
    )
