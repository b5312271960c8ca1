"""What does a browser test stand on? Gateway, worker and admin app as production runs them, and a browser."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from playwright.async_api import Browser, BrowserContext, Page

from config.loader import load_settings
from core.identity import Role
from db.engine import create_engine
from db.unit_of_work import Database
from services.connections import application_address
from services.setup import create_organization
from tests.fixtures.application import PASSWORD
from tests.support.waiting import until_now

GATEWAY, WORKER = "chat_app.asgi", "jobs.worker"
ADMIN = Path(__file__).resolve().parents[2] / "admin_app" / "main.py"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@dataclass
class Site:
    """The application as the people of one organisation reach it."""

    url: str
    organization: str
    environ: dict[str, str]
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """The first person, an operator."""
        return self.colleague("ada")

    def colleague(self, name: str) -> str:
        """An address in this organisation."""
        return f"{name}@{self.organization}.example"

    @asynccontextmanager
    async def visit(self, *, phone: bool = False, dark: bool = False) -> AsyncIterator[Page]:
        """A signed-in browser window of its own."""
        async with self.window(phone=phone, dark=dark) as context:
            yield await self.sign_in(context)

    @asynccontextmanager
    async def window(self, *, phone: bool = False, dark: bool = False) -> AsyncIterator[BrowserContext]:
        """A browser window that nobody has signed in with."""
        context = await self.browser.new_context(
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]  # the type is a TypedDict of the library
            color_scheme="dark" if dark else "light",
            is_mobile=phone,
            has_touch=phone,
        )
        context.set_default_timeout(45_000)
        try:
            yield context
        finally:
            await context.close()

    async def sign_in(self, context: BrowserContext, email: str = "") -> Page:
        """Through the form, until the chat is there."""
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note_request)
        await page.goto(self.url)
        await page.fill("[name=email]", email or self.email)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button")
        # Before the socket is there Chainlit takes no files.
        await page.wait_for_selector("#upload-button")
        return page

    def _note_request(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith((self.url, self.url.replace("http", "ws", 1), "blob:", "data:")):
            self.complaints.append(f"asked elsewhere: {url}")


StartSite = Callable[[], Awaitable[Site]]
StartGateway = Callable[..., Awaitable[Site]]
StartAdmin = Callable[[Site], str]


async def add_organization(
    environ: dict[str, str], name: str, *, first: str = "ada", role: Role = Role.OPERATOR
) -> None:
    """An organisation with one person, who signs in with ``PASSWORD``."""
    database = Database(create_engine(application_address(load_settings(environ=environ).settings), pool_size=1))
    try:
        await create_organization(
            database,
            name=name,
            email=f"{first}@{name}.example",
            password=PASSWORD,
            role=role,
            max_users=5,
            max_documents=1000,
        )
    finally:
        await database.close()


_numbers = itertools.count(1)


async def new_site(url: str, environ: dict[str, str], browser: Browser) -> Site:
    """Another organisation of a running application."""
    name = f"alpha-{next(_numbers)}"
    await add_organization(environ, name)
    return Site(url, name, environ, browser)


@contextmanager
def running(environ: dict[str, str], folder: Path, *modules: str) -> Iterator[str]:
    """These parts as processes with these settings, the gateway among them; the gateway's address."""
    port = free_port()
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(_process((module,), {**environ, "FOUNDRY__chat__port": str(port)}, folder))
        address = f"http://127.0.0.1:{port}"
        _until_answers(f"{address}/readyz", folder / f"{GATEWAY}.log")
        yield address


@contextmanager
def running_admin(gateway: str, folder: Path) -> Iterator[str]:
    """The admin app, which gets the gateway's address and nothing else; its own address."""
    port = free_port()
    options = ("streamlit", "run", str(ADMIN), f"--server.port={port}", "--server.address=127.0.0.1")
    with _process(options, {"FOUNDRY_API_URL": gateway}, folder):
        address = f"http://127.0.0.1:{port}"
        _until_answers(f"{address}/_stcore/health", folder / "streamlit.log")
        yield address


@contextmanager
def _process(arguments: tuple[str, ...], environ: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *arguments], env={**os.environ, **environ}, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _until_answers(url: str, log: Path) -> None:
    with httpx.Client(trust_env=False) as client:

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return client.get(url).status_code == 200
            return False

        try:
            until_now(answers, every_s=0.1)
        except AssertionError as error:
            raise AssertionError(log.read_text(encoding="utf-8")) from error


def free_port() -> int:
    """A port nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
