"""Are people told what became of documents and plugins, and does ingestion not care whether they can be?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select
from structlog.testing import capture_logs

from config.loader import LoadedSettings, load_settings
from core.states import TaskStatus
from core.telemetry import METRICS
from db.models import Task, User
from services.bootstrap import Services
from services.notifications.batches import APART
from services.notifications.notifications import Notifications
from services.worker.container import Worker, open_worker
from tests.fixtures.application import Department, make_department
from tests.servers.hook_server import Fault, HookServer, SlackServer
from tests.servers.smtp_server import SmtpServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEXT = b"# Severance\n\nThe severance of Quetzalcoatl is 90,000 EUR.\n"
BROKEN_PDF = b"%PDF-1.7\nthis is no page tree\n%%EOF\n"
DOCUMENTS = ["document.ready", "document.failed"]

Opened = Callable[..., AbstractAsyncContextManager[Worker]]


@pytest.fixture
async def mail() -> AsyncIterator[SmtpServer]:
    async with SmtpServer("none").running() as server:
        yield server


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer().running() as server:
        yield server


@pytest.fixture
async def hook() -> AsyncIterator[HookServer]:
    async with HookServer().running() as server:
        yield server


def rule(notifier: str, recipient: str, *events: str) -> dict[str, Any]:
    return {"notifier": notifier, "events": list(events) or DOCUMENTS, "recipients": [recipient]}


RULES = [rule("mail", "uploader"), rule("slack", "ops"), rule("hook", "archive")]


@pytest.fixture
def settings(
    environment: dict[str, str], tmp_path: Path, mail: SmtpServer, slack: SlackServer, hook: HookServer
) -> Callable[..., LoadedSettings]:
    """Settings with a notifier of each kind."""

    def load(*, on: bool = True, rules: list[dict[str, Any]] = RULES, **notifications: Any) -> LoadedSettings:
        quick = {"attempts": 1, "backoff_s": 0.01}
        options = {
            "mail": {
                "smtp_host": "localhost",
                "smtp_port": mail.port,
                "security": "none",
                "from_email": "kf@example.org",
            },
            "slack": {"webhook_url": slack.url, "allow_http": True},
            "hook": {"url": hook.url, "secret": SECRET, "allow_http": True, "allow_private": True},
        }
        classes = {"mail": "email:EmailNotifier", "slack": "slack:SlackNotifier", "hook": "webhook:WebhookNotifier"}
        entries = [
            {"name": name, "plugin": f"plugins.notifier.{classes[name]}", "config": {**quick, **options[name]}}
            for name in options
        ]
        content = {
            "feature_flags": {"notifications": on},
            "plugins": {"notifiers": entries},
            "notifications": {"rules": rules, "collect_s": 0, **notifications},
        }
        overlay = tmp_path / "department.yaml"
        overlay.write_text(yaml.safe_dump(content), encoding="utf-8")
        return load_settings(overlay=overlay, environ=environment)

    return load


@pytest.fixture
def opened(settings: Callable[..., LoadedSettings]) -> Opened:
    """A worker with such settings; at its end all notices are out."""

    @asynccontextmanager
    async def run(**given: Any) -> AsyncIterator[Worker]:
        async with open_worker(settings(**given)) as worker:
            yield worker

    return run


def counted(notifier: str, event: str, outcome: str) -> float:
    labels = {"notifier": notifier, "event": event, "outcome": outcome}
    return METRICS.registry.get_sample_value("notifications_total", labels) or 0.0


async def test_uploader_learns_by_name_and_channels_by_number_that_a_document_is_ready(
    department: Department, opened: Opened, mail: SmtpServer, slack: SlackServer, hook: HookServer
) -> None:
    before = counted("mail", "document.ready", "sent")
    async with opened() as worker:
        receipt = await department.read(worker, "severance.md", TEXT)
    assert receipt.status is TaskStatus.COMPLETED
    (letter,) = mail.taken
    assert letter.recipients == (department.user.email,)
    assert letter.mail["Subject"] == "Knowledge Foundry: 1 document is ready"
    assert "- severance.md" in letter.text
    assert f"document {receipt.document_id}" in slack.posted[0].json["text"]
    assert hook.posted[0].json["type"] == "document.ready"
    (fact,) = hook.posted[0].json["data"]["metadata"]["documents"]
    assert fact == {
        "organization_id": str(department.principal.organization_id),
        "document_id": str(receipt.document_id),
        "failure_code": None,
    }
    for told in (slack.posted[0].body, hook.posted[0].body):
        assert b"severance" not in told
    for told in (letter.content, slack.posted[0].body, hook.posted[0].body):
        assert b"Quetzalcoatl" not in told
        assert b"90,000" not in told
    assert counted("mail", "document.ready", "sent") == before + 1


async def test_failed_document_is_told_with_its_cause_in_one_word(
    department: Department, opened: Opened, mail: SmtpServer, slack: SlackServer
) -> None:
    async with opened() as worker:
        receipt = await department.read(worker, "broken.pdf", BROKEN_PDF)
    assert receipt.status is TaskStatus.FAILED
    (letter,) = mail.taken
    assert letter.mail["Subject"] == "Knowledge Foundry: 1 document could not be read"
    assert f"- broken.pdf ({receipt.failure_code})" in letter.text
    assert str(receipt.failure_code) in slack.posted[0].json["text"]


@pytest.mark.sees("feature_flags.notifications")
async def test_with_the_flag_off_nobody_is_told(
    department: Department, opened: Opened, mail: SmtpServer, slack: SlackServer, hook: HookServer
) -> None:
    async with opened(on=False) as worker:
        receipt = await department.read(worker, "severance.md", TEXT)
    assert receipt.status is TaskStatus.COMPLETED
    assert (mail.taken, slack.posted, hook.posted) == ([], [], [])


@pytest.mark.sees("notifications.rules", "notifications.filenames")
async def test_each_event_goes_where_its_rule_says_and_names_only_where_allowed(
    department: Department, opened: Opened, mail: SmtpServer, slack: SlackServer, hook: HookServer
) -> None:
    rules = [rule("slack", "ops", "document.failed"), rule("hook", "archive", "document.ready")]
    async with opened(rules=rules, filenames=True) as worker:
        await department.read(worker, "severance.md", TEXT)
        await department.read(worker, "broken.pdf", BROKEN_PDF)
    assert ["broken.pdf" in posted.json["text"] for posted in slack.posted] == [True]
    assert ["severance.md" in posted.json["data"]["message"] for posted in hook.posted] == [True]
    assert mail.taken == []


async def test_ingestion_does_not_wait_for_a_service_that_is_silent(
    department: Department, opened: Opened, slack: SlackServer, mail: SmtpServer
) -> None:
    slack.fault = Fault.STALLED
    async with opened() as worker:
        first = await department.read(worker, "one.md", TEXT)
        await slack.until_posted(1)
        second = await department.read(worker, "two.md", TEXT.replace(b"90", b"91"))
        assert [receipt.status for receipt in (first, second)] == [TaskStatus.COMPLETED] * 2
        await mail.until_posted(1)
        assert slack.gone == 0, "the call is still silent"
        await slack.stop()


async def test_failure_is_told_in_log_and_metric_and_keeps_nobody_else_from_knowing(
    department: Department, opened: Opened, slack: SlackServer, mail: SmtpServer, hook: HookServer
) -> None:
    slack.fault, before = Fault.BROKEN, counted("slack", "document.ready", "failed")
    with capture_logs() as lines:
        async with opened() as worker:
            receipt = await department.read(worker, "severance.md", TEXT)
    assert receipt.status is TaskStatus.COMPLETED
    (line,) = [line for line in lines if line["event"] == "notice_failed"]
    assert (line["notifier"], line["notice"], line["reason"]) == ("slack", "document.ready", "provider_unavailable")
    assert "very-secret" not in str(lines)
    assert department.user.email not in str(lines)
    assert counted("slack", "document.ready", "failed") == before + 1
    assert (len(mail.taken), len(hook.posted)) == (1, 1)


@pytest.mark.sees("notifications.timeout_s")
async def test_service_that_is_silent_for_too_long_is_given_up(
    department: Department, opened: Opened, slack: SlackServer
) -> None:
    slack.fault = Fault.STALLED
    with capture_logs() as lines:
        async with opened(timeout_s=0.2) as worker:
            await department.read(worker, "severance.md", TEXT)
            await slack.until_gone(1)
    assert [line["reason"] for line in lines if line["event"] == "notice_failed"] == ["timeout"]


@pytest.mark.sees("notifications.collect_s")
async def test_documents_that_end_together_share_one_notice_and_a_worker_that_ends_sends_it(
    department: Department, opened: Opened, mail: SmtpServer
) -> None:
    async with opened(collect_s=3600) as worker:
        for number in range(3):
            await department.read(worker, f"number-{number}.md", TEXT.replace(b"90", str(number).encode()))
        assert mail.taken == []
    (letter,) = mail.taken
    assert letter.mail["Subject"] == "Knowledge Foundry: 3 documents are ready"
    assert [f"- number-{number}.md" in letter.text for number in range(3)] == [True] * 3


async def test_when_the_last_file_of_a_batch_is_done_its_uploader_is_told_once_what_became_of_all(
    department: Department, opened: Opened, mail: SmtpServer, slack: SlackServer
) -> None:
    rules = [rule("mail", "uploader", "batch.ended"), rule("slack", "ops", "batch.ended")]
    async with opened(rules=rules) as worker:
        receipts = [await department.upload(f"number-{number}.md", TEXT + b"%d\n" % number) for number in range(3)]
        receipts.append(await department.upload("broken.pdf", BROKEN_PDF))
        for number, receipt in enumerate(receipts, start=1):
            await worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
            await worker.dispatcher.drain()
            assert (mail.taken == []) or number == len(receipts)
    (letter,) = mail.taken
    assert letter.recipients == (department.user.email,)
    assert letter.mail["Subject"] == "Knowledge Foundry: 3 of 4 documents are ready"
    assert "- broken.pdf (corrupt)" in letter.text
    assert "number-1.md" not in letter.text
    (posted,) = slack.posted
    assert "3 of 4 documents are ready" in str(posted)
    assert "broken.pdf" not in str(posted)


async def test_one_file_is_no_batch_and_what_was_read_long_ago_belongs_to_another(
    department: Department, opened: Opened, mail: SmtpServer
) -> None:
    async with opened(rules=[rule("mail", "uploader", "batch.ended")]) as worker:
        first = await department.read(worker, "first.md", TEXT)
        async with department.services.database.transaction(department.principal.organization_id) as session:
            task = await session.get_one(Task, first.task_id)
            task.created_at, task.completed_at = task.created_at - 2 * APART, task.created_at - 2 * APART
        for number in range(2):
            await department.read(worker, f"number-{number}.md", TEXT + b"%d\n" % number)
    assert [letter.mail["Subject"] for letter in mail.taken] == ["Knowledge Foundry: 2 of 2 documents are ready"]


async def test_everybody_hears_of_his_own_documents_alone(
    services: Services, department: Department, opened: Opened, mail: SmtpServer
) -> None:
    other = await make_department(services, "beta")
    async with opened(collect_s=3600) as worker:
        await department.read(worker, "of-alpha.md", TEXT)
        await other.read(worker, "of-beta.md", TEXT)
    told = {letter.recipients[0]: letter.text for letter in mail.taken}
    assert told.keys() == {department.user.email, other.user.email}
    assert "of-beta" not in told[department.user.email]
    assert "of-alpha" not in told[other.user.email]


async def test_person_who_wants_no_notices_gets_none(
    services: Services, department: Department, opened: Opened, mail: SmtpServer, slack: SlackServer
) -> None:
    await services.accounts.set_preferences(department.principal, {"notifications": False})
    async with opened() as worker:
        await department.read(worker, "severance.md", TEXT)
    assert (len(mail.taken), len(slack.posted)) == (0, 1)


async def test_person_whose_account_is_closed_gets_none(
    services: Services, department: Department, opened: Opened, mail: SmtpServer
) -> None:
    async with opened(collect_s=3600) as worker:
        await department.read(worker, "severance.md", TEXT)
        async with services.database.transaction(department.principal.organization_id) as session:
            (await session.get_one(User, department.user.id)).is_active = False
    assert mail.taken == []


@pytest.mark.sees("notifications.health_interval_s")
async def test_ill_plugin_rings_an_alarm_through_the_others(opened: Opened, mail: SmtpServer, hook: HookServer) -> None:
    await mail.stop()
    rules = [rule(name, "ops", "health.alarm") for name in ("mail", "hook")]
    async with opened(rules=rules, health_interval_s=0.05):
        await hook.until_posted(1)
    (posted,) = hook.posted
    assert posted.json["type"] == "health.alarm"
    assert posted.json["data"]["metadata"]["plugin"] == "mail"
    assert posted.json["data"]["subject"] == "Knowledge Foundry: plugin notifier/mail is degraded"


async def test_plugins_are_looked_after_only_when_somebody_wants_to_know(
    services: Services, settings: Callable[..., LoadedSettings]
) -> None:
    def wants(**given: Any) -> bool:
        in_force = settings(**given).settings
        notices = Notifications(services.database, lambda: in_force, lambda: services.plugins)
        return notices.wants("health.alarm", "health.recovered")

    rules = [rule("slack", "ops", "health.recovered")]
    assert wants(rules=rules)
    assert not wants(rules=rules, on=False)
    assert not wants(rules=RULES)


async def test_too_much_news_is_dropped_and_counted_rather_than_waited_for(
    services: Services, settings: Callable[..., LoadedSettings], department: Department
) -> None:
    receipt = await department.upload("severance.md", TEXT)
    before = counted("", "document", "dropped")
    notices = Notifications(services.database, lambda: settings().settings, lambda: services.plugins, max_waiting=1)
    with capture_logs() as lines:
        for _ in range(3):
            notices.document_ended(department.principal.organization_id, receipt.task_id)
    assert [line["event"] for line in lines] == ["notice_dropped"] * 2
    assert counted("", "document", "dropped") == before + 2


async def test_a_document_that_moves_to_another_index_is_nobodys_news(
    department: Department, worker: Worker, opened: Opened, mail: SmtpServer
) -> None:
    receipt = await department.read(worker, "severance.md", TEXT)
    organization = department.principal.organization_id
    async with department.services.database.transaction(organization) as session:
        version = await session.scalar(select(Task.version_id).where(Task.id == receipt.task_id))
        move = Task(organization_id=organization, task_type="move", document_id=receipt.document_id, version_id=version)
        session.add(move)
        await session.flush()
    async with opened() as telling:
        await telling.dispatcher.begin(organization, move.id)
        await telling.dispatcher.drain()
    assert (await department.services.tasks.receipt(department.principal, move.id)).status is TaskStatus.COMPLETED
    assert mail.taken == []
