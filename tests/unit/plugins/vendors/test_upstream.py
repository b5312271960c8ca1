"""Is every failure of the libraries we call told in our words, and the right ones?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import aiosmtplib
import anthropic
import grpc
import httpx
import httpx2
import openai
import pytest
import qdrant_client.http.exceptions as qdrant
import redis.exceptions
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse

from core.errors import NotFoundError, ProviderError, ProviderRateLimitError, ProviderUnavailableError
from plugins.vendors.upstream import retry_after_s, translate, translated

PASSING = {
    "httpx": {
        *("TimeoutException", "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"),
        *("NetworkError", "ConnectError", "ReadError", "WriteError", "CloseError", "ProxyError", "RemoteProtocolError"),
    },
    "openai": {"APIConnectionError", "APITimeoutError", "InternalServerError"},
    "anthropic": {
        *("APIConnectionError", "APITimeoutError", "InternalServerError", "RetryableError", "OverloadedError"),
        *("ServiceUnavailableError", "GatewayTimeoutError", "DeadlineExceededError", "HTTPNotImplementedError"),
        "RequestTimeoutError",
    },
    "redis": {
        *("ConnectionError", "TimeoutError", "BusyLoadingError", "MasterDownError", "ClusterDownError"),
        *("ReadOnlyError", "TryAgainError", "OutOfMemoryError", "MaxConnectionsError"),
    },
}
PASSING["httpx2"] = PASSING["httpx"]


def _classes(module: ModuleType) -> Iterator[type[Exception]]:
    for name in sorted(vars(module)):
        found = getattr(module, name)
        if isinstance(found, type) and issubclass(found, Exception) and not name.startswith("_"):
            yield found


def _bare(cls: type[Exception]) -> Exception:
    error = cls.__new__(cls)
    Exception.__init__(error, "sk-secret in a message")
    return error


@pytest.mark.parametrize("module", [httpx, httpx2, openai, anthropic, redis.exceptions], ids=lambda m: m.__name__)
def test_every_exception_class_of_the_library_has_a_meaning(module: ModuleType) -> None:
    library = module.__name__.split(".")[0]
    walked = 0
    for cls in _classes(module):
        if cls.__module__.split(".")[0] != library:
            continue
        walked += 1
        ours = translate(_bare(cls), "The service")
        assert isinstance(ours, ProviderError), cls
        assert "sk-secret" not in str(ours), cls
        if cls.__name__ == "RateLimitError":
            assert isinstance(ours, ProviderRateLimitError)
            continue
        inherits = {base.__name__ for base in cls.__mro__} & PASSING[library]
        signs_in = {base.__name__ for base in cls.__mro__} & {
            *("AuthenticationError", "AuthorizationError", "AuthenticationWrongNumberOfArgsError"),
            "ExternalAuthProviderError",
        }
        expected = bool(inherits) and not (library == "redis" and signs_in)
        assert isinstance(ours, ProviderUnavailableError) is expected, cls
    assert walked >= 20
    names = {cls.__name__ for cls in _classes(module)}
    assert len(PASSING[library] & names) >= 3, "the table must name classes that exist"


def _status_error(library: Any, status: int, body: object = None, headers: dict[str, str] | None = None) -> Exception:
    response = httpx2.Response(status, headers=headers, request=httpx2.Request("POST", "http://x"))
    error: Exception = library.APIStatusError("message", response=response, body=body)
    return error


@pytest.mark.parametrize("library", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ProviderError),
        (401, ProviderError),
        (404, ProviderError),
        (408, ProviderUnavailableError),
        (429, ProviderRateLimitError),
        (500, ProviderUnavailableError),
        (503, ProviderUnavailableError),
        (529, ProviderUnavailableError),
    ],
)
def test_status_decides(library: ModuleType, status: int, expected: type[ProviderError]) -> None:
    assert type(translate(_status_error(library, status), "The service")) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (aiosmtplib.SMTPConnectTimeoutError("m"), ProviderUnavailableError),
        (aiosmtplib.SMTPServerDisconnected("m"), ProviderUnavailableError),
        (aiosmtplib.SMTPDataError(451, "m"), ProviderUnavailableError),
        (aiosmtplib.SMTPSenderRefused(421, "m", "a@b.example"), ProviderUnavailableError),
        (aiosmtplib.SMTPAuthenticationError(454, "m"), ProviderUnavailableError),
        (aiosmtplib.SMTPAuthenticationError(535, "m"), ProviderError),
        (aiosmtplib.SMTPRecipientRefused(550, "m", "a@b.example"), ProviderError),
        (aiosmtplib.SMTPNotSupported("m"), ProviderError),
    ],
)
def test_first_digit_of_a_mail_server_says_whether_it_may_pass(error: Exception, expected: type[ProviderError]) -> None:
    ours = translate(error, "The mail server")
    assert type(ours) is expected
    assert "b.example" not in str(ours)


def test_every_exception_of_the_mail_library_has_a_meaning() -> None:
    walked = [cls for cls in _classes(aiosmtplib) if issubclass(cls, aiosmtplib.SMTPException)]
    assert len(walked) >= 12
    for cls in walked:
        assert isinstance(translate(_bare(cls), "The mail server"), ProviderError), cls


def test_status_of_httpx_counts_too() -> None:
    request = httpx.Request("GET", "http://x")
    response = httpx.Response(429, headers={"Retry-After": "3"}, request=request)
    error = translate(httpx.HTTPStatusError("m", request=request, response=response), "The service")
    assert isinstance(error, ProviderRateLimitError)
    assert error.retry_after_s == 3


def test_error_inside_a_stream_is_recognised_by_its_body_not_by_the_200_before_it() -> None:
    busy = _status_error(anthropic, 200, {"type": "error", "error": {"type": "overloaded_error"}})
    limited = _status_error(anthropic, 200, {"type": "error", "error": {"type": "rate_limit_error"}})
    assert isinstance(translate(busy, "s"), ProviderUnavailableError)
    assert isinstance(translate(limited, "s"), ProviderRateLimitError)


def test_an_empty_purse_is_not_something_that_passes() -> None:
    error = translate(_status_error(openai, 429, {"code": "insufficient_quota", "type": "insufficient_quota"}), "s")
    assert type(error) is ProviderError


def test_plain_silence_and_nonsense_have_a_meaning() -> None:
    assert isinstance(translate(TimeoutError(), "s"), ProviderUnavailableError)
    assert isinstance(translate(ConnectionRefusedError(), "s"), ProviderUnavailableError)
    assert type(translate(json.JSONDecodeError("m", "d", 0), "s")) is ProviderError


def test_mistakes_of_ours_and_cancelling_pass_through() -> None:
    assert translate(KeyError("x"), "s") is None
    for error in (KeyError("x"), NotFoundError("x"), asyncio.CancelledError()):
        with pytest.raises(type(error)), translated("s"):
            raise error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2.5"}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"Retry-After": "Mon, 01 Jan 2026 00:00:10 GMT"}, 10.0),
        ({"Retry-After": "Mon, 01 Jan 2025 00:00:10 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "99999999"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_milliseconds_or_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=datetime(2026, 1, 1, tzinfo=UTC)) == seconds


def test_headers_that_are_no_headers_do_no_harm() -> None:
    error = _bare(openai.RateLimitError)
    error.response = SimpleNamespace(headers=None, status_code=429)  # type: ignore[attr-defined]  # a broken double
    ours = translate(error, "s")
    assert isinstance(ours, ProviderRateLimitError)
    assert ours.retry_after_s is None


class _Theirs(Exception):
    """An error of a library nobody told us about."""

    def __init__(self, **attributes: object) -> None:
        super().__init__("sk-secret")
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ProviderError),
        ({"status": 429}, ProviderRateLimitError),
        ({"code": 503}, ProviderUnavailableError),
        ({"status_code": 404, "code": "not_found"}, ProviderError),
        ({"response": SimpleNamespace(status_code=500)}, ProviderUnavailableError),
    ],
)
def test_unknown_errors_of_somebody_elses_code_are_failures_of_the_service_and_their_status_counts(
    attributes: dict[str, object], expected: type[ProviderError]
) -> None:
    assert translate(_Theirs(**attributes), "s") is None
    ours = translate(_Theirs(**attributes), "s", foreign=True)
    assert type(ours) is expected
    assert "sk-secret" not in str(ours)


def test_silence_and_a_lost_connection_may_pass_but_a_refusal_with_a_status_does_not() -> None:
    assert isinstance(translate(ConnectionResetError("x"), "s", foreign=True), ProviderUnavailableError)
    refused = OSError("x")
    refused.response = SimpleNamespace(status_code=404)  # type: ignore[attr-defined]  # as requests does
    assert type(translate(refused, "s", foreign=True)) is ProviderError
    with pytest.raises(ProviderError), translated("s", foreign=True):
        raise KeyError("choices")


_GRPC_PASSING = {
    *("DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN", "DATA_LOSS"),
}


@pytest.mark.parametrize("code", grpc.StatusCode, ids=lambda code: code.name)
def test_every_status_of_grpc_has_a_meaning(code: grpc.StatusCode) -> None:
    ours = translate(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "sk-secret"), "s")
    assert "sk-secret" not in str(ours)
    assert type(ours) is (
        ProviderUnavailableError
        if code.name in _GRPC_PASSING
        else ProviderRateLimitError
        if code.name == "RESOURCE_EXHAUSTED"
        else ProviderError
    )
    assert ("key" in str(ours)) == (code.name in ("UNAUTHENTICATED", "PERMISSION_DENIED"))


def _unexpected(status: int) -> Exception:
    return qdrant.UnexpectedResponse(status, "reason", b"sk-secret", httpx.Headers())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_unexpected(400), ProviderError),
        (_unexpected(403), ProviderError),
        (_unexpected(404), ProviderError),
        (_unexpected(429), ProviderRateLimitError),
        (_unexpected(500), ProviderUnavailableError),
        (_unexpected(503), ProviderUnavailableError),
        (qdrant.ResponseHandlingException(httpx.ReadTimeout("x")), ProviderUnavailableError),
        (qdrant.ResponseHandlingException(httpx.ConnectError("x")), ProviderUnavailableError),
        (qdrant.ResponseHandlingException(ValueError("sk-secret")), ProviderError),
        (ResourceExhaustedResponse("sk-secret", 3), ProviderRateLimitError),
    ],
    ids=repr,
)
def test_what_the_client_of_qdrant_raises_is_told_in_our_words(error: Exception, expected: type[ProviderError]) -> None:
    ours = translate(error, "s")
    assert type(ours) is expected
    assert "sk-secret" not in str(ours)


def test_the_wait_that_qdrant_asks_for_is_passed_on_and_one_in_words_is_still_a_limit() -> None:
    told = translate(ResourceExhaustedResponse("", 3), "s")
    assert isinstance(told, ProviderRateLimitError)
    assert told.retry_after_s == 3
    with pytest.raises(QdrantException) as caught:
        ResourceExhaustedResponse("", "Mon, 01 Jan 2026 00:00:10 GMT")  # type: ignore[arg-type]  # as its client does
    assert isinstance(translate(caught.value, "s"), ProviderRateLimitError)
