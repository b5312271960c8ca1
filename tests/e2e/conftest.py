"""How do browser tests get a running application and a browser?"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from config.loader import load_settings
from core.identity import Role
from services.bootstrap import open_services
from services.setup import create_organization
from tests.fixtures.application import PASSWORD
from tests.support.waiting import until

EMAIL = "ada@alpha.example"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A worker builds its model at its first document, and two test processes share the cores.
expect.set_options(timeout=45_000)
ADMIN = Path(__file__).resolve().parents[2] / "admin_app" / "main.py"


@dataclass
class Site:
    """The application as a person reaches it."""

    url: str
    browser: Browser
    folder: Path
    complaints: list[str] = field(default_factory=list)

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

    async def sign_in(self, context: BrowserContext, email: str = EMAIL) -> Page:
        """Through the form, until the chat is there."""
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note_request)
        await page.goto(self.url)
        await page.fill("[name=email]", email)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button")
        # Before the socket is there Chainlit takes no files.
        await page.wait_for_selector("#upload-button")
        return page

    def _note_request(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith((self.url, self.url.replace("http", "ws", 1), "blob:", "data:")):
            self.complaints.append(f"asked elsewhere: {url}")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium as the system has it."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path is not None, "Browser tests need Chromium: apt install chromium"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        await started.close()


StartSite = Callable[..., "asyncio.Future[Site]"]


@pytest.fixture
async def start_site(environment: dict[str, str], browser: Browser, tmp_path: Path) -> AsyncIterator[StartSite]:
    """Starts gateway and worker as processes of their own, with settings beside the ordinary ones."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> Site:
            port = _free_port()
            environ = {**environment, "FOUNDRY__chat__port": str(port), **settings}
            await _first_person(environ)
            for module in ("chat_app.asgi", "jobs.worker"):
                await stack.enter_async_context(_process((module,), environ, tmp_path))
            site = Site(f"http://127.0.0.1:{port}", browser, tmp_path)
            await _until_answers(f"{site.url}/readyz", tmp_path / "chat_app.asgi.log")
            return site

        yield start  # type: ignore[misc]  # a coroutine function is what is awaited


@pytest.fixture
async def start_admin(tmp_path: Path) -> AsyncIterator[Callable[[Site], Awaitable[str]]]:
    """Starts the admin app beside a site; it gets the gateway's address and nothing else. Returns its own."""
    async with AsyncExitStack() as stack:

        async def start(site: Site) -> str:
            port = _free_port()
            options = ("streamlit", "run", str(ADMIN), f"--server.port={port}", "--server.address=127.0.0.1")
            await stack.enter_async_context(_process(options, {"FOUNDRY_API_URL": site.url}, tmp_path))
            address = f"http://127.0.0.1:{port}"
            await _until_answers(f"{address}/_stcore/health", tmp_path / "streamlit.log")
            return address

        yield start


async def _first_person(environ: dict[str, str]) -> None:
    async with open_services(load_settings(environ=environ)) as services:
        await create_organization(
            services.database,
            name="alpha",
            email=EMAIL,
            password=PASSWORD,
            role=Role.OPERATOR,
            max_users=5,
            max_documents=1000,
        )


@asynccontextmanager
async def _process(arguments: tuple[str, ...], environ: dict[str, str], folder: Path) -> AsyncIterator[None]:
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", *arguments, env={**os.environ, **environ}, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def _until_answers(url: str, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:

        async def answers() -> bool:
            with suppress(httpx.TransportError):
                return (await client.get(url)).status_code == 200
            return False

        try:
            await until(answers, every_s=0.1)
        except AssertionError as error:
            raise AssertionError(await asyncio.to_thread(log.read_text, encoding="utf-8")) from error


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
