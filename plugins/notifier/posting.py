"""How is a message posted to an address that may be slow, broken or endless?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from core.errors import ProviderError
from plugins.notifier.delivery import distrusted
from plugins.vendors.upstream import translated

MAX_ANSWER_BYTES = 4096
"""Nobody needs more of an answer than this; the rest is not read."""


async def post(
    transport: httpx.AsyncBaseTransport,
    url: str | httpx.URL,
    body: bytes,
    *,
    service: str,
    timeout_s: float,
    headers: Mapping[str, str],
    server_name: str = "",
) -> bytes:
    """Post once; the beginning of the answer.

    The transport is used bare: a client would write whole addresses into the log, and the address of an incoming
    webhook is a secret. It also follows no redirects, keeps no cookies and asks no proxy.

    Args:
        service: Who is called, for messages.
        timeout_s: For the whole of it, so that an answer that drips does not hold us either.
        server_name: Name the certificate must have, where the URL holds a bare address.

    Raises:
        ProviderUnavailableError: Silent, gone or 5xx.
        ProviderRateLimitError: 429.
        ProviderError: Any other answer than 2xx, or a certificate that is not trusted.
    """
    extensions = {"timeout": httpx.Timeout(timeout_s).as_dict()}
    if server_name:
        extensions["sni_hostname"] = server_name  # type: ignore[assignment]  # httpx takes any value here
    sent = {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers}
    request = httpx.Request("POST", url, content=body, headers=sent, extensions=extensions)
    try:
        with translated(service):
            async with asyncio.timeout(timeout_s):
                response = await transport.handle_async_request(request)
                try:
                    answer = await _beginning(response)
                finally:
                    await response.aclose()
            _accept(response, request, service)
    except ProviderError as error:
        if distrusted(error):
            raise ProviderError(
                f"{service} shows a certificate that is not trusted.",
                next_step="Check the address; for a private authority set ca_file.",
            ) from error
        raise
    return answer


async def _beginning(response: httpx.Response) -> bytes:
    answer = bytearray()
    async for piece in response.aiter_raw():
        answer += piece
        if len(answer) >= MAX_ANSWER_BYTES:
            break
    return bytes(answer[:MAX_ANSWER_BYTES])


def _accept(response: httpx.Response, request: httpx.Request, service: str) -> None:
    if 300 <= response.status_code < 400:
        raise ProviderError(
            f"{service} redirects, and redirects are not followed.",
            next_step="Put the final address into the settings.",
        )
    if response.status_code >= 400:
        # Not raise_for_status: its message repeats the address.
        raise httpx.HTTPStatusError(f"status {response.status_code}", request=request, response=response)
