"""How do login plugins read from a service that may be slow, broken or endless?"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from core.errors import ProviderError
from plugins.vendors.upstream import translated

MAX_BYTES = 1_000_000


async def fetch(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    service: str,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The answer with its body, whatever its status below 500.

    Redirects are not followed: tokens and keys come from the address that the settings or the issuer named.

    Args:
        service: Who is asked, for the message.
        timeout_s: For the whole of it, so that a body that drips does not hold us either.

    Raises:
        ProviderUnavailableError: Silent, gone or 5xx.
        ProviderRateLimitError: 429.
        ProviderError: It answers with a megabyte or more.
    """
    with translated(service):
        async with asyncio.timeout(timeout_s):
            async with http.stream(
                method, url, headers=headers, data=form, timeout=timeout_s, follow_redirects=False
            ) as response:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise ProviderError(f"{service} answered with more than a megabyte.")
            if response.status_code >= 500 or response.status_code == 429:
                response.raise_for_status()
    return httpx.Response(
        response.status_code, content=bytes(body), headers=_plain(response.headers), request=response.request
    )


def is_protected(url: str, *, allow_http: bool) -> bool:
    """Whether secrets may go there: TLS, this machine, or plain HTTP where the settings allow it."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (allow_http or _is_here(parts.hostname)))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain(headers: httpx.Headers) -> dict[str, str]:
    # The body is decoded already.
    return {name: value for name, value in headers.items() if name not in {"content-encoding", "content-length"}}
