"""What does a failure of an outside service mean in our words?

One place for all libraries, recognised by the names of their classes, so that none has to be imported: 429 becomes
``ProviderRateLimitError``, 5xx and silence ``ProviderUnavailableError``, everything else ``ProviderError``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from core.errors import KnowledgeFoundryError, ProviderError, ProviderRateLimitError, ProviderUnavailableError

_LIBRARIES = (
    *("httpx", "httpx2", "httpcore", "httpcore2", "openai", "anthropic", "redis", "qdrant_client", "grpc"),
    "aiosmtplib",
)
_FOR_GOOD = frozenset(
    # Redis files wrong passwords under ConnectionError; waiting does not make a password right.
    {"AuthenticationError", "AuthorizationError", "AuthenticationWrongNumberOfArgsError", "ExternalAuthProviderError"}
)
_MAY_PASS = frozenset(
    {
        *("APIConnectionError", "InternalServerError", "RetryableError"),
        *("TimeoutException", "NetworkError", "RemoteProtocolError", "ProxyError"),
        *("ConnectionError", "TimeoutError", "BusyLoadingError", "MasterDownError", "ClusterDownError"),
        *("ReadOnlyError", "TryAgainError", "OutOfMemoryError"),
    }
)
_BUSY_TYPES = ("overloaded_error", "api_error", "timeout_error", "server_error")
# Qdrant's client raises its root class only for a 429 whose Retry-After is no number.
_RATE_LIMITS = frozenset({"RateLimitError", "QdrantException"})
_EMPTY_PURSE = "insufficient_quota"
# What gRPC's words are in HTTP; those left out are refusals. An aborted or cancelled call may be tried again.
_GRPC_STATUS = {
    "RESOURCE_EXHAUSTED": 429,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "DEADLINE_EXCEEDED": 504,
    **dict.fromkeys(("UNAVAILABLE", "ABORTED", "CANCELLED"), 503),
    **dict.fromkeys(("INTERNAL", "UNKNOWN", "DATA_LOSS"), 500),
}
# Replies of mail servers that speak of signing in (RFC 4954, section 6); of the others the first digit tells all.
_SMTP_SIGN_IN = frozenset({530, 534, 535, 538})


@contextmanager
def translated(service: str, *, foreign: bool = False) -> Iterator[None]:
    """Raise failures of the block in our words; ``service`` names who failed. Everything unknown passes through.

    Args:
        foreign: The block runs nothing but somebody else's code, so that the unknown is a failure of theirs too.
    """
    try:
        yield
    except KnowledgeFoundryError:
        raise
    except Exception as error:
        ours = translate(error, service, foreign=foreign)
        if ours is None:
            raise
        raise ours from error


def translate(error: Exception, service: str, *, foreign: bool = False) -> ProviderError | None:
    """The error in our words; None for one that no outside service caused (a mistake of ours, unless ``foreign``)."""
    names = {cls.__name__ for cls in type(error).__mro__}
    library = _library(error)
    source = getattr(error, "source", None)
    if library == "qdrant_client" and isinstance(source, Exception):
        return translate(source, service, foreign=True)
    if library is None and not foreign and not isinstance(error, TimeoutError | OSError | json.JSONDecodeError):
        return None
    status, kind = _status(error), _kind(error)
    if _EMPTY_PURSE in kind:
        return ProviderError(f"{service}: the account has no credit left.", next_step="Top it up or change the key.")
    if status == 429 or "rate_limit_error" in kind or names & _RATE_LIMITS:
        return ProviderRateLimitError(f"{service} asks us to slow down.", retry_after_s=_wait_s(error))
    if (status is not None and (status >= 500 or status == 408)) or any(busy in kind for busy in _BUSY_TYPES):
        return ProviderUnavailableError(f"{service} is not working at the moment.", next_step="Try again later.")
    if status in (401, 403):
        return ProviderError(f"{service} does not accept the key.", next_step="Check it in the settings.")
    if library != "redis" or not names & _FOR_GOOD:
        if library is None and isinstance(error, json.JSONDecodeError):
            return ProviderError(f"{service} answered with something that is not JSON.")
        silent = library is None and status is None and isinstance(error, TimeoutError | OSError)
        if silent or names & _MAY_PASS:
            return ProviderUnavailableError(f"{service} does not answer.", next_step="Check its address, or try later.")
    number = f" with status {status}" if status else ""
    return ProviderError(f"{service} refused{number} ({type(error).__name__}).", next_step="See the log for the cause.")


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds a service asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or date (RFC 9110, 10.2.3)."""
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    if (milliseconds := _number(lowered.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = lowered.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _wait_s(error: Exception) -> float | None:
    told = getattr(error, "retry_after_s", None)
    return float(told) if isinstance(told, int) else retry_after_s(_headers(error))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    # Also turns away nan, inf and what would wait for a year.
    return value if 0 <= value < 86_400 else None


def _library(error: Exception) -> str | None:
    roots = (cls.__module__.partition(".")[0] for cls in type(error).__mro__)
    return next((root for root in roots if root in _LIBRARIES), None)


def _status(error: Exception) -> int | None:
    if (code := _grpc_code(error)) is not None:
        return _GRPC_STATUS.get(code)
    if _library(error) == "aiosmtplib":
        return _smtp_status(error)
    # aiohttp calls it ``status``, Google's clients call it ``code``.
    own = (getattr(error, name, None) for name in ("status_code", "status", "code"))
    candidates = (*own, getattr(getattr(error, "response", None), "status_code", None))
    # A stream that fails after its headers carries the 200 it began with, which says nothing.
    return next((status for status in candidates if isinstance(status, int) and status >= 400), None)


def _grpc_code(error: Exception) -> str | None:
    code = getattr(error, "code", None)
    if not callable(code) or _library(error) != "grpc":
        return None
    return str(getattr(code(), "name", ""))


def _smtp_status(error: Exception) -> int | None:
    """What a reply is in HTTP: 4yz may pass (RFC 5321, section 4.2.1); None for a refusal for good."""
    code = getattr(error, "code", 0)
    if code in _SMTP_SIGN_IN:
        return 401
    return 503 if 400 <= code < 500 else None


def _headers(error: Exception) -> Mapping[str, str]:
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    return headers if isinstance(headers, Mapping) else {}


def _kind(error: Exception) -> str:
    """Words with which OpenAI and Anthropic name the cause in the body."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return ""
    return f"{inner.get('type', '')} {inner.get('code', '')}"
