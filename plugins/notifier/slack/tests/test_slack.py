"""What is particular to messages in Slack?"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pydantic
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderRateLimitError, ProviderUnavailableError
from core.types import PluginStatus
from plugins.framework.references import validate_options
from plugins.interfaces import PluginContext
from plugins.notifier.slack import SlackNotifier
from plugins.notifier.slack.provider import MAX_SIGNS
from tests.servers.hook_server import Fault, SlackServer


@asynccontextmanager
async def opened(tmp_path: Path, **options: Any) -> AsyncIterator[SlackNotifier]:
    given = {"allow_http": True, "timeout_s": 5, "backoff_s": 0.01, **options}
    async with httpx.AsyncClient() as http:
        slack = SlackNotifier(SlackNotifier.Options(**given), PluginContext(http=http, data_dir=tmp_path))
        await slack.start()
        try:
            yield slack
        finally:
            await slack.close()


async def test_nothing_in_a_message_becomes_a_mention_or_a_link(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        await slack.send("<!here>", "<!channel> *a*\nb", "<https://evil.example|click> & <@U012ABCDEF>")
    (posted,) = server.posted
    whom, title, text = posted.json["text"].split("\n")
    assert whom == "&lt;!here&gt;"
    assert title == "*&lt;!channel&gt; ∗a∗ b*"
    assert text == "&lt;https://evil.example|click&gt; &amp; &lt;@U012ABCDEF&gt;"
    assert posted.json["unfurl_links"] is posted.json["unfurl_media"] is False


async def test_member_is_mentioned_and_nobody_is_left_out_of_the_text(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        await slack.send("U012ABCDEF", "Ready", "It is there.")
        await slack.send("", "Ready", "It is there.")
    assert [posted.json["text"] for posted in server.posted] == [
        "<@U012ABCDEF>\n*Ready*\nIt is there.",
        "*Ready*\nIt is there.",
    ]


async def test_long_text_is_cut_with_an_ellipsis(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        await slack.send("", "Ready", "ü" * 100_000)
    text = server.posted[0].json["text"].removeprefix("*Ready*\n")
    assert text == "ü" * (MAX_SIGNS - 1) + "…"


async def test_message_that_may_have_arrived_is_not_sent_twice(tmp_path: Path) -> None:
    for fault in (Fault.BROKEN, Fault.CUT, Fault.STALLED, Fault.NONSENSE):
        async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url, timeout_s=1) as slack:
            server.fault = fault
            with pytest.raises(ProviderUnavailableError):
                await slack.send("", "Ready", "")
            assert len(server.posted) == 1, fault


async def test_turned_away_with_429_it_waits_as_told_and_tries_again(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        server.faults = [Fault.RATE_LIMITED, Fault.RATE_LIMITED]
        await slack.send("", "Ready", "")
        assert len(server.posted) == 3


async def test_a_longer_wait_than_the_settings_allow_is_told_at_once(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        server.fault, server.retry_after = Fault.RATE_LIMITED, "600"
        with pytest.raises(ProviderRateLimitError) as caught:
            await slack.send("", "Ready", "")
        assert caught.value.retry_after_s == 600
        assert len(server.posted) == 1


async def test_attempts_are_bounded(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url, attempts=2) as slack:
        server.fault = Fault.RATE_LIMITED
        with pytest.raises(ProviderRateLimitError):
            await slack.send("", "Ready", "")
        assert len(server.posted) == 2


async def test_answer_that_is_not_ok_is_a_failure(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        server.fine = b"<html>Sign in</html>"
        with pytest.raises(ProviderError, match="something else than ok"):
            await slack.send("", "Ready", "")
        server.fault = Fault.ENDLESS
        with pytest.raises(ProviderError, match="something else than ok"):
            await slack.send("", "Ready", "")


async def test_health_is_what_the_last_message_met(tmp_path: Path) -> None:
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        server.faults = [Fault.REFUSING]
        with pytest.raises(ProviderError, match="404"):
            await slack.send("", "Ready", "")
        health = await slack.health_check()
        assert health.status is PluginStatus.DEGRADED
        assert "404" in health.detail
        await slack.send("", "Ready", "")
        assert (await slack.health_check()).status is PluginStatus.HEALTHY


async def test_address_stands_in_no_log_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with SlackServer().running() as server, opened(tmp_path, webhook_url=server.url) as slack:
        await slack.send("", "Ready", "")
        for fault in (Fault.REFUSING, Fault.BROKEN, Fault.REDIRECTED):
            server.fault = fault
            with pytest.raises(ProviderError) as caught:
                await slack.send("", "Ready", "")
            logging.getLogger("test").error("message_lost", exc_info=caught.value)
    assert len(caplog.records) > 3
    assert "very-secret" not in caplog.text
    assert "very-secret" not in repr(slack._options)


@pytest.mark.parametrize("url", ["http://very-secret.example/x", "ftp://very-secret/x", "very-secret", "https://", ""])
def test_address_must_be_protected_and_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate_options(SlackNotifier, {"webhook_url": url}, "plugins.notifier.slack")
    assert "very-secret" not in str(caught.value)


async def test_unreadable_authority_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        async with opened(tmp_path, webhook_url="https://hooks.example/x", ca_file=str(tmp_path / "nowhere.pem")):
            pass


def test_unknown_options_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError):
        SlackNotifier.Options.model_validate({"webhook_url": "https://hooks.example/x", "channel": "#general"})
