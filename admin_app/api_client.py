"""How does the admin app speak to the gateway? Over HTTP, like everybody else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Self

import httpx

TIMEOUT_S = 30.0
API_URL = "FOUNDRY_API_URL"
_BETWEEN = "|"


def gateway_url() -> str:
    """Where the gateway is, as whoever started the admin app says."""
    return os.environ.get(API_URL, "http://127.0.0.1:8000")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Those of one session.

    Attributes:
        expires_at: When the access token does, in seconds since 1970.
    """

    access: str
    refresh: str
    expires_at: float

    def written(self) -> str:
        """As a cookie holds them."""
        return _BETWEEN.join((f"{self.expires_at:.0f}", self.refresh, self.access))

    @classmethod
    def read(cls, cookie: str | None) -> Self | None:
        """Those of a cookie; None when there are none in it."""
        parts = (cookie or "").split(_BETWEEN)
        if len(parts) != 3 or not all(parts) or not parts[0].isdecimal():
            return None
        return cls(access=parts[2], refresh=parts[1], expires_at=float(parts[0]))


class ApiProblem(Exception):  # noqa: N818  (what the API calls it)
    """The gateway refused; ``str()`` is fit for people.

    Attributes:
        status: HTTP status; 0 when the gateway could not be reached.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ApiClient:
    """Calls of one signed-in administrator.

    Args:
        access: Gives the access token of now, before each call: a page may be open longer than a token lives.
    """

    def __init__(self, base_url: str, *, access: Callable[[], str] | None = None, forwarded_for: str = "") -> None:
        headers = {"User-Agent": "foundry-admin"}
        if forwarded_for:
            headers["X-Forwarded-For"] = forwarded_for
        self._base_url, self._headers, self._access = base_url, headers, access

    def _connected(self) -> httpx.Client:
        """A connection for one call: parts of a page run again by themselves, long after the page has ended."""
        return httpx.Client(base_url=self._base_url, headers=self._headers, timeout=TIMEOUT_S, trust_env=False)

    def sign_in(self, email: str, password: str) -> Tokens:
        """A session.

        Raises:
            ApiProblem: Wrong, or the gateway is away.
        """
        return _tokens(self._call("POST", "/api/v1/auth/login", json={"email": email, "password": password}))

    def refresh(self, token: str) -> Tokens:
        """A session goes on; the refresh token is used up.

        Raises:
            ApiProblem: 401 when the session has ended; or the gateway is away.
        """
        return _tokens(self._call("POST", "/api/v1/auth/refresh", json={"refresh_token": token}))

    def get(self, path: str, **params: str | int) -> Any:
        """JSON of a path."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send JSON."""
        return self._call("POST", path, json=body or {})

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Put something in the place of what is there."""
        return self._call("PUT", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Change something."""
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        """Remove something; the receipt."""
        return self._call("DELETE", path)

    def upload(self, filename: str, content: IO[bytes], **params: str) -> Any:
        """Hand in a file; the receipt."""
        return self._call("POST", "/api/v1/documents", files={"file": (filename, content)}, params=params)

    def health(self) -> Any:
        """The health report, also when it is bad."""
        try:
            with self._connected() as client:
                return client.get("/readyz").json()
        except (httpx.HTTPError, ValueError) as error:
            raise ApiProblem("The gateway does not answer. Is it running?", 0) from error

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._access()}"} if self._access else {}
        try:
            with self._connected() as client:
                response = client.request(method, path, headers=headers, **arguments)
        except httpx.HTTPError as error:
            raise ApiProblem("The gateway does not answer. Is it running?", 0) from error
        if response.is_success:
            return response.json() if response.content else None
        raise ApiProblem(_message(response), response.status_code)


def _tokens(answered: dict[str, Any]) -> Tokens:
    return Tokens(answered["access_token"], answered["refresh_token"], time.time() + answered["expires_in"])


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
        return f"{body['detail']} {body.get('next_step', '')}".strip()
    except (ValueError, KeyError, TypeError):
        return f"The gateway answered {response.status_code}."
