"""`foundry up`: how does a machine get from nothing to a cited answer?

Each step is a function below, in the order in which `_bring_up` calls them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from config.later import notice
from config.loader import IGNORE_MODEL_KEYS, load_settings
from config.models import Settings
from core.errors import ConfigurationError, DocumentError, KnowledgeFoundryError
from plugins.framework.egress import models_leaving
from plugins.framework.manifest import KINDS
from services import setup
from services.commands import answers, first_account
from services.commands.gateway import Gateway
from services.commands.terminal import DataDir, Interrupted, run, say
from services.embedded.preflight import free_port, require_port
from services.embedded.supervisor import Supervisor
from services.samples import mark_samples
from services.stack import processes
from services.stack.opening import Stack, data_folder, own_stack
from services.views.uploads import Receipt

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_INDEX_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the command line asks for.

    Attributes:
        demo: End after the first answer.
    """

    data_dir: Path
    overrides: Mapping[str, str]
    demo: bool = False
    question: bool = True
    browser: bool = False


def up(
    data_dir: DataDir = None,
    chat_port: Annotated[int | None, typer.Option(help="Port of chat and API.", show_default=False)] = None,
    admin_port: Annotated[int | None, typer.Option(help="Port of the admin app.", show_default=False)] = None,
    demo: Annotated[bool, typer.Option("--demo", help="In a scratch folder: answer one question, then end.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the chat in a browser.")] = False,
    no_question: Annotated[bool, typer.Option("--no-question", help="Do not ask the sample question.")] = False,
) -> None:
    """Start everything: stores, worker, chat, admin; index the samples, answer one question, print the addresses."""
    if demo:
        _demo(chat_port, admin_port)
        return
    folder = data_folder(data_dir)
    browser = not no_browser and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    options = UpOptions(folder, _ports(chat_port, admin_port), question=not no_question, browser=browser)
    try:
        run(_bring_up(options))
    except Interrupted:
        say("Everything is stopped; the data stays in place.")


def _demo(chat_port: int | None, admin_port: int | None) -> None:
    # The demo must do the same on every machine: keys that lie about in the environment are ignored.
    os.environ[IGNORE_MODEL_KEYS] = "1"
    scratch = Path(tempfile.mkdtemp(prefix="foundry-demo-"))
    ports = _ports(chat_port or free_port(), admin_port or free_port()) | {"FOUNDRY__observability__metrics__port": "0"}
    try:
        run(_bring_up(UpOptions(scratch, ports, demo=True)))
    except KnowledgeFoundryError:
        say(f"The demo failed; its logs stay in {scratch / 'logs'}.")
        raise
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)
    say("That was the demo; all that it started and kept is gone again. To start for good: make run, or foundry up.")


def _ports(chat_port: int | None, admin_port: int | None) -> dict[str, str]:
    given = {"FOUNDRY__chat__port": chat_port, "FOUNDRY__admin__port": admin_port}
    return {key: str(port) for key, port in given.items() if port is not None}


async def _bring_up(options: UpOptions) -> None:
    """All steps; returns after the answer in a demo, else only by cancellation."""
    started = time.monotonic()
    async with own_stack(options.data_dir, say=say, overrides=options.overrides, check=_check_ports) as stack:
        account = await setup.ensure_first_account(stack.settings)
        _say_where_passages_go(stack.settings)
        if text := notice(load_settings()):
            say(text)
        async with Supervisor(say) as supervisor:
            await _start_processes(supervisor, stack)
            link = await setup.create_link(stack.settings)
            async with Gateway.sign_in(stack.settings.chat.url, link) as gateway:
                await _index_samples(gateway, stack.settings)
                if options.question:
                    await _answer_one_question(gateway)
            if options.demo:
                # Account and addresses end with it: nobody could use them.
                return
            if account is not None:
                first_account.show(account, stack)
            _show_addresses(stack.settings, time.monotonic() - started)
            if options.browser:
                webbrowser.open(stack.settings.chat.url)
            await asyncio.Event().wait()


def _check_ports(settings: Settings) -> None:
    require_port(settings.chat.port, what="the chat", option="--chat-port", host=settings.chat.host)
    require_port(settings.admin.port, what="the admin app", option="--admin-port", host=settings.admin.host)
    _look_at_metrics_port(settings)
    say("Starting PostgreSQL and Redis …")


def _look_at_metrics_port(settings: Settings) -> None:
    """Metrics are no reason to refuse: a second stack on a machine finds their port taken by the first."""
    metrics = settings.observability.metrics
    if not metrics.enabled or not metrics.port:
        return
    try:
        require_port(metrics.port, what="the worker's metrics", option="", host=metrics.host)
    except ConfigurationError as problem:
        say(f"{problem.message} Everything else works. To have them, set FOUNDRY__observability__metrics__port.")


def _say_where_passages_go(settings: Settings) -> None:
    """Whoever reads this must know before the first question whether text leaves the machine."""
    for name, host in models_leaving({kind: settings.plugins.of(kind) for kind in KINDS}):
        say(f"The model {name} is used: questions and passages leave this machine, to {host}.")


async def _start_processes(supervisor: Supervisor, stack: Stack) -> None:
    say("Starting worker, chat and admin …")
    await supervisor.start(processes.worker(stack.data_dir))
    await supervisor.start(processes.chat(stack.data_dir))
    await supervisor.start(processes.admin(stack.data_dir, stack.settings))
    await processes.until_chat_answers(supervisor, stack.settings)
    await processes.until_admin_answers(supervisor, stack.settings)


async def _index_samples(gateway: Gateway, settings: Settings) -> None:
    """Hand in the sample documents, once: whoever deleted them does not want them back."""
    files = sorted(path for path in (EXAMPLES / "corpus").glob("*") if path.is_file())
    if not files:
        return
    if await gateway.has_documents():
        await mark_samples(settings, files)
        return
    say(f"Indexing {len(files)} sample documents …")
    receipts = [receipt for path in files if (receipt := await _handed_in(gateway, path)) is not None]
    await mark_samples(settings, files)
    for receipt in receipts:
        await gateway.wait(receipt.task_id, within_s=_INDEX_WITHIN_S)


async def _handed_in(gateway: Gateway, path: Path) -> Receipt | None:
    """The receipt of one sample; None for a type that the settings do not take in, which is said."""
    try:
        return await gateway.upload(path)
    except DocumentError as error:
        if error.failure_code != "unsupported_type":
            raise
        say(f"Left out of the samples: {error.message}")
        return None


async def _answer_one_question(gateway: Gateway) -> None:
    """Ask the first sample question and print the answer.

    Raises:
        KnowledgeFoundryError: There is no answer, or one without a source.
    """
    question = _sample_question()
    if not question:
        return
    answer = await answers.read(gateway.ask(question))
    typer.echo(f"\n{question}\n\n{answer.marked}\n\n{answers.sources(answer)}\n")
    if not answer.cited:
        raise KnowledgeFoundryError("The sample question was not answered with a source.", next_step="See chat.log.")


def _sample_question() -> str:
    """The question that a newcomer sees answered; empty when there is none."""
    path = EXAMPLES / "first-question.txt"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _show_addresses(settings: Settings, took_s: float) -> None:
    chat, admin = settings.chat.url, settings.admin.url
    typer.echo(
        f"Chat:   {chat}\nAdmin:  {admin}\nAPI:    {chat}/api/v1/docs\nReady after {took_s:.0f} s; Ctrl-C stops."
    )
