"""Can receivers trust what the webhook sends, and can it be sent nowhere it must not go?"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from plugins.framework.references import validate_options
from plugins.interfaces import PluginContext
from plugins.notifier.webhook import WebhookNotifier
from plugins.notifier.webhook.signing import key_of, signed_headers
from tests.servers.hook_server import Fault, HookServer, Posted

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"n" * 32).decode()


@asynccontextmanager
async def opened(tmp_path: Path, **options: Any) -> AsyncIterator[WebhookNotifier]:
    local = {"allow_http": True, "allow_private": True}
    given = {"secret": SECRET, "timeout_s": 5, "backoff_s": 0.01, **local, **options}
    async with httpx.AsyncClient() as http:
        hook = WebhookNotifier(WebhookNotifier.Options(**given), PluginContext(http=http, data_dir=tmp_path))
        await hook.start()
        try:
            yield hook
        finally:
            await hook.close()


def is_signed(posted: Posted, secret: str) -> bool:
    """What a receiver does, written from the standard."""
    content = b".".join(
        (posted.headers["webhook-id"].encode(), posted.headers["webhook-timestamp"].encode(), posted.body)
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return expected in posted.headers["webhook-signature"].split(" ")


def test_signature_is_that_of_the_published_example() -> None:
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key_of(SECRET)])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_receiver_can_check_who_when_and_what(tmp_path: Path) -> None:
    async with HookServer().running() as server, opened(tmp_path, url=server.url) as hook:
        before = int(time.time())
        await hook.send("ops", "Grüße", "It is there.", {"event": "document.ready", "pages": 3})
        (posted,) = server.posted
    assert is_signed(posted, SECRET)
    assert not is_signed(posted, OTHER)
    assert not is_signed(Posted(posted.path, posted.headers, posted.body + b" "), SECRET)
    assert before <= int(posted.headers["webhook-timestamp"]) <= time.time()
    assert posted.headers["content-type"] == "application/json"
    assert posted.json["type"] == "document.ready"
    assert posted.json["data"] == {
        "recipient": "ops",
        "subject": "Grüße",
        "message": "It is there.",
        "metadata": {"event": "document.ready", "pages": 3},
    }


async def test_old_secret_still_signs_while_receivers_change_over(tmp_path: Path) -> None:
    async with HookServer().running() as server:
        async with opened(tmp_path, url=server.url, secret=OTHER, previous_secret=SECRET) as hook:
            await hook.send("ops", "Ready", "")
    assert is_signed(server.posted[0], OTHER)
    assert is_signed(server.posted[0], SECRET)


async def test_what_may_pass_is_tried_again_as_the_same_message(tmp_path: Path) -> None:
    async with HookServer().running() as server, opened(tmp_path, url=server.url, timeout_s=1, attempts=5) as hook:
        server.faults = [Fault.BROKEN, Fault.CUT, Fault.STALLED, Fault.RATE_LIMITED]
        await hook.send("ops", "Ready", "")
        assert len(server.posted) == 5
        assert len({(posted.headers["webhook-id"], posted.body) for posted in server.posted}) == 1
        assert all(is_signed(posted, SECRET) for posted in server.posted)
        await hook.send("ops", "Ready", "")
        assert server.posted[-1].headers["webhook-id"] != server.posted[0].headers["webhook-id"]


@pytest.mark.parametrize("fault", [Fault.REFUSING, Fault.REDIRECTED])
async def test_refusal_and_redirect_end_it_at_once(tmp_path: Path, fault: Fault) -> None:
    async with HookServer().running() as server, opened(tmp_path, url=server.url) as hook:
        server.fault = fault
        with pytest.raises(ProviderError):
            await hook.send("ops", "Ready", "")
        assert [posted.path for posted in server.posted] == ["/services/T000/B000/very-secret"]


@pytest.mark.parametrize("fault", [Fault.DRIPPING, Fault.STALLED])
async def test_answer_that_never_ends_costs_one_timeout(tmp_path: Path, fault: Fault) -> None:
    async with HookServer().running() as server:
        async with opened(tmp_path, url=server.url, timeout_s=0.3, attempts=1) as hook:
            server.fault = fault
            # Without a limit on the whole answer this would never end.
            with pytest.raises(ProviderUnavailableError):
                await asyncio.wait_for(hook.send("ops", "Ready", ""), 60)


async def test_endless_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    async with HookServer().running() as server, opened(tmp_path, url=server.url) as hook:
        server.fault = Fault.ENDLESS
        await hook.send("ops", "Ready", "")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_this_machine_is_not_called_under_any_name(tmp_path: Path, host: str) -> None:
    async with HookServer().running() as server:
        url = f"http://{host}:{server.port}/"
        async with opened(tmp_path, url=url, allow_private=False) as hook:
            with pytest.raises(ProviderError, match="private network") as caught:
                await hook.send("ops", "Ready", "")
            assert not caught.value.retryable
        assert server.connections == 0
        async with opened(tmp_path, url=f"http://127.0.0.1:{server.port}/") as hook:
            await hook.send("ops", "Ready", "")
        assert server.connections == 1


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the system's resolver give these answers, one a question; returns the hosts it is asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        found = answers[len(asked) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_name_with_one_private_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with HookServer().running() as server:
        url = f"http://hooks.example:{server.port}/"
        async with opened(tmp_path, url=url, allow_private=False) as hook:
            asked = _answering(monkeypatch, ["93.184.216.34", "127.0.0.1"])
            with pytest.raises(ProviderError, match="private network"):
                await hook.send("ops", "Ready", "")
        assert asked == ["hooks.example"]
        assert server.connections == 0


async def test_connection_goes_to_the_very_address_that_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HookServer().running() as server:
        async with opened(tmp_path, url=f"http://hooks.example:{server.port}/in") as hook:
            # A second look at the name would find an address where nobody listens.
            asked = _answering(monkeypatch, ["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"])
            await hook.send("ops", "Ready", "")
    named = [host for host in asked if host == "hooks.example"]
    assert len(named) == 1
    assert server.posted[0].headers["host"] == f"hooks.example:{server.port}"


async def test_next_address_is_tried_where_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with HookServer().running() as server:
        async with opened(tmp_path, url=f"http://hooks.example:{server.port}/", attempts=1) as hook:
            _answering(monkeypatch, ["127.0.0.2", "127.0.0.1"])
            await hook.send("ops", "Ready", "")
    assert len(server.posted) == 1


async def test_certificate_is_checked_against_the_name_though_the_address_is_bare(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name, trusted in (("localhost", True), ("elsewhere.example", False)):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(tls)
        async with HookServer(tls).running() as server:
            url = f"https://localhost:{server.port}/"
            async with opened(tmp_path, url=url, allow_http=False, ca_file=str(tmp_path / "ca.pem")) as hook:
                if trusted:
                    await hook.send("ops", "Ready", "")
                    assert len(server.posted) == 1
                    continue
                with pytest.raises(ProviderError, match="not trusted") as caught:
                    await hook.send("ops", "Ready", "")
                assert not caught.value.retryable
                assert server.posted == []


async def test_authority_nobody_named_is_not_trusted(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    async with HookServer(tls).running() as server:
        async with opened(tmp_path, url=f"https://localhost:{server.port}/") as hook:
            with pytest.raises(ProviderError, match="ca_file"):
                await hook.send("ops", "Ready", "")
        assert server.posted == []


@pytest.mark.parametrize("secret", ["", "very-secret", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "!" * 40, OTHER[6:]])
def test_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="24 to 64 bytes") as caught:
        validate_options(WebhookNotifier, {"url": "https://hooks.example/", "secret": secret}, "plugins.notifier.w")
    assert not secret or secret not in str(caught.value).replace("whsec_ and", "")


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/", "ftp://hooks.example/", "hooks.example", "https://me:pw@hooks.example/", "https://"],
)
def test_address_must_be_protected_and_carry_no_password(url: str) -> None:
    with pytest.raises(ConfigurationError):
        validate_options(WebhookNotifier, {"url": url, "secret": SECRET}, "plugins.notifier.w")
