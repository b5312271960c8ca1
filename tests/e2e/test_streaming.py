"""Does an answer come word by word, and what becomes of it while somebody waits, leaves or stops it?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.site import GATEWAY, Site, free_port, new_site, running
from tests.e2e.test_chat import ask, drop
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer

pytestmark = pytest.mark.browser
REFUNDS = {"refunds.md": b"# Refunds\n\nRefunds take 14 days after the goods came back.\n"}


@pytest.fixture(scope="module")
def port() -> int:
    """Where the language model is."""
    return free_port()


@pytest.fixture(scope="module")
def gateway(
    shared_gateway: str, shared_environment: dict[str, str], port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Another one on the shared stores, which has that model."""
    model = {
        "FOUNDRY_IGNORE_MODEL_KEYS": "",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "test",
        "OPENAI_MODEL": MODEL,
    }
    with running({**shared_environment, **model}, tmp_path_factory.mktemp("gateway"), GATEWAY) as address:
        yield address


@pytest.fixture
async def site(gateway: str, shared_environment: dict[str, str], browser: Browser) -> Site:
    return await new_site(gateway, shared_environment, browser)


@pytest.fixture
async def server(port: int) -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer().running(port) as started:
        yield started


async def test_tokens_stream_and_stop_ends_the_models_call(site: Site, server: OpenAIServer) -> None:
    async with site.visit() as page:
        await drop(page, REFUNDS)
        await ask(page, "How long do refunds take?")
        answer = page.locator(".ai-message").last
        await expect(answer).to_contain_text("Refunds take 14 days")
        await expect(answer.locator('a[href="#cite-1"]')).to_be_visible()
        assert server.bodies[-1]["stream"] is True
        server.said, server.fault = ("Refunds take 14 days [1].\n", "After the goods ", "came back."), Fault.HELD
        await ask(page, "How long do refunds take in the end?")
        await server.until_opened(2)
        await expect(page.locator(".ai-message").last).to_contain_text("Refunds take 14 days")
        await page.click("#stop-button")
        await server.until_cancelled(1)
        await expect(page.get_by_text("Stopped. What was said so far is kept.")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("Stopped. What was said so far is kept.")).to_be_visible()


async def test_a_source_that_is_clicked_while_the_answer_still_comes_opens_when_it_is_there(
    site: Site, server: OpenAIServer
) -> None:
    async with site.visit() as page:
        await drop(page, REFUNDS)
        server.said, server.fault = ("Refunds take 14 days [1].\n", "After the goods ", "came back."), Fault.HELD
        await ask(page, "How long do refunds take?")
        await page.click('.ai-message a[href="#cite-1"]')
        await expect(page.locator("[data-kf=sources]")).to_have_count(0)
        server.release.set()
        await expect(page.locator("[data-kf=passage]")).to_be_visible()
    assert site.complaints == []


async def test_a_closed_browser_does_not_stop_the_answer(site: Site, server: OpenAIServer) -> None:
    async with site.window() as context:
        page = await site.sign_in(context)
        await drop(page, REFUNDS)
        server.fault = Fault.HELD
        await ask(page, "How long do refunds take?")
        await server.until_opened(1)
        address = page.url
        await page.close()
        # Back while the answer is still being made: it goes on before the reader's eyes.
        page = await context.new_page()
        await page.goto(address)
        await expect(page.get_by_text("How long do refunds take?").last).to_be_visible()
        server.release.set()
        await expect(page.locator(".ai-message").last).to_contain_text("Refunds take 14 days")
        await page.close()
        page = await context.new_page()
        await page.goto(address)
        await expect(page.locator("[data-kf=sources]")).to_have_count(1)
        await expect(page.locator(".ai-message").last).to_contain_text("Refunds take 14 days")
    assert (server.opened, server.finished, server.cancelled) == (1, 1, 0)


async def test_while_somebody_waits_the_stage_is_said_also_to_whoever_comes_back(
    site: Site, server: OpenAIServer
) -> None:
    async with site.visit() as page:
        await drop(page, REFUNDS)
        server.fault = Fault.HELD
        await ask(page, "How long do refunds take?")
        answer = page.locator(".ai-message").last
        await expect(answer).to_contain_text("Writing the answer …")
        await page.reload()
        await expect(answer).to_contain_text("Writing the answer …")
        await expect(page.locator("#stop-button")).to_be_visible()
        server.release.set()
        await expect(answer).to_contain_text("Refunds take 14 days")
        await expect(answer).not_to_contain_text("Writing the answer")
        await expect(page.locator("#stop-button")).to_have_count(0)
    assert site.complaints == []
