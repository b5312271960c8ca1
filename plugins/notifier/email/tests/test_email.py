"""Is mail sent over checked TLS, to one person, with nothing planted in it, and at most once?"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError, ValidationError
from core.types import PluginStatus
from plugins.framework.references import validate_options
from plugins.interfaces import PluginContext
from plugins.notifier.email import EmailNotifier
from tests.servers.hook_server import Fault
from tests.servers.smtp_server import LOGIN, NOT_HERE, PASSWORD, SmtpServer

TO = "ops@example.org"
GIVEN = {"smtp_host": "mail.example.org", "from_email": "foundry@example.org"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@asynccontextmanager
async def opened(server: SmtpServer, tmp_path: Path, **options: Any) -> AsyncIterator[EmailNotifier]:
    given = {
        "smtp_host": "localhost",
        "smtp_port": server.port,
        "from_email": "foundry@example.org",
        "timeout_s": 10,
        "backoff_s": 0.01,
        **options,
    }
    async with httpx.AsyncClient() as http:
        email = EmailNotifier(EmailNotifier.Options(**given), PluginContext(http=http, data_dir=tmp_path))
        await email.start()
        try:
            yield email
        finally:
            await email.close()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_travels_signed_in_and_encrypted(
    security: Any, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    sign_in = {"smtp_user": LOGIN, "smtp_password": PASSWORD}
    # aiosmtpd offers AUTH only over a TLS that it made itself.
    needs = security == "starttls"
    async with SmtpServer(security, authority=authority, sign_in=needs).running() as server:
        given = sign_in if needs else {}
        async with opened(server, tmp_path, ca_file=ca_file, security=security, **given) as email:
            await email.send(TO, "Grüße", "Schöne Grüße\n", {"event": "x"})
            assert (await email.health_check()).status is PluginStatus.HEALTHY
    (received,) = server.taken
    assert (received.encrypted, received.signed_in) == (True, needs)
    assert (received.sender, received.recipients) == ("foundry@example.org", (TO,))
    mail = received.mail
    assert mail["Subject"] == "Grüße"
    assert mail["From"] == "Knowledge Foundry <foundry@example.org>"
    assert mail["To"] == TO
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail["Date"].datetime
    assert received.text == "Schöne Grüße\n"
    assert received.content.isascii()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_certificate_of_another_name_or_authority_is_refused(
    security: Any, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    for name, trusted in (("mail.elsewhere.example", ca_file), ("localhost", "")):
        async with SmtpServer(security, authority=authority, name=name).running() as server:
            async with opened(server, tmp_path, security=security, ca_file=trusted) as email:
                with pytest.raises(ProviderError, match="not trusted") as caught:
                    await email.send(TO, "Ready", "")
                assert not caught.value.retryable
                assert (await email.health_check()).status is PluginStatus.BROKEN
        assert (server.posted, server.asked) == ([], 0)


async def test_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server:
        async with opened(server, tmp_path, smtp_user=LOGIN, smtp_password=PASSWORD) as email:
            with pytest.raises(ProviderError, match="no STARTTLS"):
                await email.send(TO, "Ready", "")
        assert server.asked == 0
        async with opened(server, tmp_path, security="none") as email:
            await email.send(TO, "Ready", "")
    assert [received.encrypted for received in server.taken] == [False]


async def test_wrong_password_is_told_without_repeating_it(
    authority: trustme.CA, ca_file: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, logger="mail.log")  # the server of the tests itself
    async with SmtpServer(authority=authority, sign_in=True).running() as server:
        wrong = {"smtp_user": LOGIN, "smtp_password": "wrong-very-secret"}
        async with opened(server, tmp_path, ca_file=ca_file, **wrong) as email:
            with pytest.raises(ProviderError, match="does not accept") as caught:
                await email.send(TO, "Ready", "")
            assert not caught.value.retryable
            logging.getLogger("test").error("lost", exc_info=caught.value)
            assert (await email.health_check()).status is PluginStatus.BROKEN
            assert "very-secret" not in repr(email._options)
    assert "wrong-very-secret" not in caplog.text
    assert server.taken == []


@pytest.mark.parametrize(
    "recipient",
    [
        *("", "ops", "@example.org", "ops@", "ops@@example.org", "a b@example.org", "ops@exa mple.org"),
        *("ops@example.org, eve@example.org", "ops@example.org;eve@example.org", "Ops <ops@example.org>"),
        *(
            "ops@example.org\r\nRCPT TO:<eve@example.org>",
            "ops@example.org\nBcc: eve@example.org",
            "ops@example.org\x00",
        ),
        *(
            "\r\nops@example.org",
            "ops@example.org>",
            "<ops@example.org",
            '"ops\r\nBcc: eve"@example.org',
            "ops@[127.0.0.1]",
        ),
        *("..@example.org", f"{'a' * 65}@example.org", f"ops@{'a.' * 130}org", "опс@example.org", "ops@-example-.org"),
    ],
)
async def test_what_is_not_one_plain_address_is_refused(recipient: str, tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        with pytest.raises(ValidationError):
            await email.send(recipient, "Ready", "")
        assert list((await email.send_batch([recipient], "Ready", "")).values()) != [""]
        assert server.connections == 0


@pytest.mark.parametrize(
    "breaks", ["\r\nBcc: eve@example.org", "\nBcc: eve@example.org", "\rBcc: eve@example.org\r\n\r\nfalse body"]
)
async def test_no_header_can_be_planted_by_a_subject(breaks: str, tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        for strange in (breaks, breaks.replace("\n", "\u2028"), f"=?utf-8?q?{breaks}?=", "\x85" + breaks):
            await email.send(TO, f"Ready{strange}", "The text.")
    for received in server.taken:
        assert received.recipients == (TO,)
        assert received.mail["Bcc"] is None
        assert "Bcc: eve@example.org" in received.mail["Subject"]
        assert received.text.strip() == "The text."
        assert set(received.mail.keys()) == {
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
            *("Content-Type", "Content-Transfer-Encoding"),
        }


@pytest.mark.parametrize("end", ["\r\n.\r\n", "\n.\n", "\r.\r", "\n.\r\n"])
async def test_no_command_can_be_planted_by_a_text(end: str, tmp_path: Path) -> None:
    text = (
        f"One{end}MAIL FROM:<eve@example.org>\r\nRCPT TO:<boss@example.org>\r\nDATA\r\nSubject: planted\r\n\r\nhi{end}"
    )
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        await email.send(TO, "Ready", text)
    (received,) = server.taken
    assert "RCPT TO:<boss@example.org>" in received.text


async def test_halves_of_characters_and_zeros_do_not_stop_a_mail(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        await email.send(TO, "Half \ud800 of one", "and \ud800 here\x00.")
    assert server.taken[0].mail["Subject"] == "Half of one"
    assert server.taken[0].text.strip() == "and ? here."


async def test_domain_with_umlauts_is_written_as_mail_servers_know_it(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        await email.send("ops@bücher.example", "Ready", "")
    assert server.taken[0].recipients == ("ops@xn--bcher-kva.example",)


async def test_long_subject_is_cut(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        await email.send(TO, "ü" * 1000, "")
    assert server.taken[0].mail["Subject"] == "ü" * 199 + "…"


async def test_refused_for_now_it_comes_again_with_the_same_mail(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        server.faults = [Fault.RATE_LIMITED, Fault.BROKEN]
        await email.send(TO, "Ready", "")
    assert server.asked == 3
    assert len(server.taken) == 1
    assert server.posted[0].mail["Message-ID"] == server.taken[0].mail["Message-ID"]


@pytest.mark.parametrize("fault", [Fault.STALLED, Fault.CUT])
async def test_mail_that_may_have_been_taken_is_not_sent_twice(fault: Fault, tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server:
        async with opened(server, tmp_path, security="none", timeout_s=1.5) as email:
            server.fault = fault
            with pytest.raises(ProviderUnavailableError):
                await email.send(TO, "Ready", "")
    assert len(server.posted) == 1


async def test_mail_is_delivered_though_the_server_leaves_without_goodbye(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        server.goodbye = False
        await email.send(TO, "Ready", "")
    assert len(server.taken) == 1


async def test_unknown_person_is_told_and_does_not_make_the_server_ill(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        outcomes = await email.send_batch([NOT_HERE, TO], "Ready", "")
        assert (await email.health_check()).status is PluginStatus.HEALTHY
    assert list(outcomes) == [NOT_HERE, TO]
    assert outcomes[NOT_HERE].startswith("The mail server refused")
    assert NOT_HERE not in outcomes[NOT_HERE]
    assert outcomes[TO] == ""


async def test_nobody_sees_who_else_got_it(tmp_path: Path) -> None:
    people = [f"person-{number}@example.org" for number in range(20)]
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        assert await email.send_batch(people, "Ready", "") == dict.fromkeys(people, "")
    assert sorted(received.recipients for received in server.taken) == sorted((person,) for person in people)
    for received in server.taken:
        assert [person for person in people if person.encode() in received.content] == list(received.recipients)


async def test_health_is_not_asked_again_within_a_minute(tmp_path: Path) -> None:
    async with SmtpServer("none").running() as server, opened(server, tmp_path, security="none") as email:
        for _ in range(3):
            assert (await email.health_check()).status is PluginStatus.HEALTHY
    assert server.connections == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"from_email": "foundry"}, "mail address"),
        ({"from_email": "foundry@example.org\nBcc: eve@example.org"}, "mail address"),
        ({"sender_name": "Foundry\r\nBcc: eve@example.org"}, "pattern"),
        ({"smtp_user": "foundry"}, "belong together"),
        ({"smtp_password": "very-secret"}, "belong together"),
        ({"smtp_user": "foundry", "smtp_password": "very-secret", "security": "none"}, "in the clear"),
        ({"security": "maybe"}, "starttls"),
    ],
)
def test_settings_that_cannot_work_or_would_betray_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        validate_options(EmailNotifier, {**GIVEN, **options}, "plugins.notifier.email")
    assert "very-secret" not in str(caught.value)
