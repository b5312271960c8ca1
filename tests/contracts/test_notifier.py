"""Does every notifier deliver what it is given, and say truly what it could not?"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from core.errors import ProviderError, ProviderUnavailableError, ValidationError
from core.types import PluginStatus
from plugins.framework.signatures import problems
from plugins.interfaces import NotificationProvider, Plugin, PluginContext
from plugins.notifier.email import EmailNotifier
from plugins.notifier.slack import SlackNotifier
from plugins.notifier.webhook import WebhookNotifier
from tests.servers.hook_server import Fault, HookServer, SlackServer
from tests.servers.smtp_server import LOGIN, PASSWORD, SmtpServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE = {"timeout_s": 10, "backoff_s": 0.01, "attempts": 2}


class Post(ABC):
    """A notifier and the server at its other end.

    Attributes:
        people: Two who can be reached, in its own terms.
        nobody: One it refuses to write to.
    """

    people: tuple[str, str]
    nobody: str = ""
    server: Any

    @abstractmethod
    def notifier(self, context: PluginContext, **options: Any) -> NotificationProvider:
        """A new one that speaks to the server."""

    @abstractmethod
    def arrived(self) -> list[str]:
        """Everything that came, as one text for each message."""

    def fail(self, fault: Fault) -> None:
        self.server.fault = fault


class SlackPost(Post):
    people = ("U012ABCDEF", "ops")

    def __init__(self, server: HookServer) -> None:
        self.server = server

    def notifier(self, context: PluginContext, **options: Any) -> NotificationProvider:
        given = {**PATIENCE, "webhook_url": self.server.url, "allow_http": True, **options}
        return SlackNotifier(SlackNotifier.Options(**given), context)

    def arrived(self) -> list[str]:
        return [posted.json["text"] for posted in self.server.posted]


class WebhookPost(Post):
    people = ("ops", "someone@example.org")

    def __init__(self, server: HookServer) -> None:
        self.server = server

    def notifier(self, context: PluginContext, **options: Any) -> NotificationProvider:
        allowed = {"allow_http": True, "allow_private": True}
        given = {**PATIENCE, "url": self.server.url, "secret": SECRET, **allowed, **options}
        return WebhookNotifier(WebhookNotifier.Options(**given), context)

    def arrived(self) -> list[str]:
        sent = [posted.json["data"] for posted in self.server.posted]
        return [f"{data['subject']}\n{data['message']}" for data in sent]


class EmailPost(Post):
    """The real thing: STARTTLS with a certificate of a private authority, and signing in."""

    people = ("ops@example.org", "someone@example.org")

    def __init__(self, server: SmtpServer, ca_file: Path) -> None:
        self.server = server
        self._ca_file = ca_file

    def notifier(self, context: PluginContext, **options: Any) -> NotificationProvider:
        line = {"smtp_host": "localhost", "smtp_port": self.server.port, "ca_file": str(self._ca_file)}
        sign_in = {"smtp_user": LOGIN, "smtp_password": PASSWORD, "from_email": "foundry@example.org"}
        given = {**PATIENCE, **line, **sign_in, **options}
        return EmailNotifier(EmailNotifier.Options(**given), context)

    def arrived(self) -> list[str]:
        return [f"{received.mail['Subject']}\n{received.text}" for received in self.server.taken]


@asynccontextmanager
async def slack(_: Path) -> AsyncIterator[Post]:
    async with SlackServer().running() as server:
        yield SlackPost(server)


@asynccontextmanager
async def webhook(_: Path) -> AsyncIterator[Post]:
    async with HookServer().running() as server:
        yield WebhookPost(server)


@asynccontextmanager
async def email(folder: Path) -> AsyncIterator[Post]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    async with SmtpServer(authority=authority, sign_in=True).running() as server:
        yield EmailPost(server, folder / "ca.pem")


POSTS: dict[str, Callable[[Path], AbstractAsyncContextManager[Post]]] = {
    "slack": slack,
    "webhook": webhook,
    "email": email,
}
TAKEN_OR_NOT = (Fault.RATE_LIMITED, Fault.BROKEN, Fault.STALLED, Fault.CUT)
"""What may pass."""


@pytest.fixture(params=list(POSTS))
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    async with POSTS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[PluginContext]:
    async with httpx.AsyncClient() as http:
        yield PluginContext(http=http, data_dir=tmp_path)


@asynccontextmanager
async def started(plugin: NotificationProvider) -> AsyncIterator[NotificationProvider]:
    await plugin.start()
    try:
        yield plugin
    finally:
        await plugin.close()


async def test_it_is_a_notifier_that_closes_twice(post: Post, context: PluginContext) -> None:
    notifier = post.notifier(context)
    assert isinstance(notifier, Plugin)
    assert problems("notifier", notifier) == []
    async with started(notifier):
        assert (await notifier.health_check()).status is PluginStatus.HEALTHY
    await notifier.close()


async def test_message_arrives_whole_in_every_script(post: Post, context: PluginContext) -> None:
    async with started(post.notifier(context)) as notifier:
        await notifier.send(post.people[0], "Bereit: Prüfbericht №7 📄", "Добро пожаловать\n空 é", {"kind": "document"})
    (text,) = post.arrived()
    assert "Bereit: Prüfbericht №7 📄" in text
    assert "Добро пожаловать\n空 é" in text


async def test_subject_or_text_alone_is_a_message_and_neither_is_none(post: Post, context: PluginContext) -> None:
    async with started(post.notifier(context)) as notifier:
        await notifier.send(post.people[0], "Only a subject", "")
        await notifier.send(post.people[0], "", "Only a text")
        with pytest.raises(ValidationError):
            await notifier.send(post.people[0], " ", "\n")
    first, second = post.arrived()
    assert "Only a subject" in first
    assert "Only a text" in second


async def test_large_message_arrives_at_least_in_its_beginning(post: Post, context: PluginContext) -> None:
    async with started(post.notifier(context)) as notifier:
        await notifier.send(post.people[0], "s" * 10_000, "Beginning. " + "word " * 200_000)
    (text,) = post.arrived()
    assert "Beginning. word" in text


async def test_batch_tells_the_outcome_of_each(post: Post, context: PluginContext) -> None:
    async with started(post.notifier(context)) as notifier:
        outcomes = await notifier.send_batch([*post.people, post.people[0]], "Ready", "It is there.")
        assert outcomes == dict.fromkeys(post.people, "")
        assert len(post.arrived()) == 2, "each once"
        assert await notifier.send_batch([], "Ready", "") == {}


async def test_one_failure_in_a_batch_does_not_lose_the_rest(post: Post, context: PluginContext) -> None:
    async with started(post.notifier(context, concurrency=1, attempts=1)) as notifier:
        post.server.faults = [Fault.BROKEN]
        outcomes = await notifier.send_batch(post.people, "Ready", "It is there.")
    assert list(outcomes) == list(post.people)
    failed, sent = outcomes.values()
    assert failed
    assert sent == ""


@pytest.mark.parametrize("fault", TAKEN_OR_NOT)
async def test_what_may_pass_is_told_as_such(post: Post, context: PluginContext, fault: Fault) -> None:
    post.fail(fault)
    patience = 0.3 if fault is Fault.STALLED else 10
    async with started(post.notifier(context, timeout_s=patience)) as notifier:
        with pytest.raises(ProviderError) as caught:
            await notifier.send(post.people[0], "Ready", "It is there.")
        assert caught.value.retryable
        assert "It is there" not in str(caught.value)
        assert (await notifier.health_check()).status is not PluginStatus.HEALTHY


@pytest.mark.parametrize("fault", [Fault.REFUSING, Fault.NONSENSE])
async def test_refusal_and_nonsense_are_failures_in_our_words(post: Post, context: PluginContext, fault: Fault) -> None:
    post.fail(fault)
    async with started(post.notifier(context)) as notifier:
        with pytest.raises(ProviderError) as caught:
            await notifier.send(post.people[0], "Ready", "It is there.")
        assert fault is Fault.NONSENSE or not caught.value.retryable


async def test_nobody_there_is_unavailable(post: Post, context: PluginContext) -> None:
    notifier = post.notifier(context)
    await post.server.stop()
    async with started(notifier):
        with pytest.raises(ProviderUnavailableError):
            await notifier.send(post.people[0], "Ready", "It is there.")


async def test_cancelled_send_leaves_the_line(post: Post, context: PluginContext) -> None:
    post.fail(Fault.STALLED)
    async with started(post.notifier(context)) as notifier:
        sending = asyncio.create_task(notifier.send(post.people[0], "Ready", "It is there."))
        await post.server.until_posted(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await post.server.until_gone(1)


async def test_before_start_and_after_close_it_says_so(post: Post, context: PluginContext) -> None:
    notifier = post.notifier(context)
    with pytest.raises(ProviderUnavailableError, match="not started"):
        await notifier.send(post.people[0], "Ready", "")
    await notifier.start()
    await notifier.close()
    with pytest.raises(ProviderUnavailableError, match="closed"):
        await notifier.send(post.people[0], "Ready", "")


async def test_no_service_no_harm_at_the_start(post: Post, context: PluginContext) -> None:
    notifier = post.notifier(context)
    await post.server.stop()
    async with started(notifier), asyncio.timeout(5):
        assert (await notifier.health_check()).status in PluginStatus
