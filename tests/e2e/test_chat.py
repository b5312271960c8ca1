"""Can a person sign in, drop a file, ask, watch the answer come, and open the very passage?"""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Page, expect

from tests.e2e.conftest import Site, StartSite
from tests.fixtures.documents import pdf_pages
from tests.servers.model_server import Fault
from tests.servers.openai_server import MODEL, OpenAIServer

pytestmark = pytest.mark.browser

MANUAL = [
    ["Pump manual", "The circulation pump runs at 1,450 revolutions per minute."],
    ["Safety", "The emergency valve is tested on the first Tuesday of each quarter by Ingrid Solheim."],
]


async def ask(page: Page, question: str) -> None:

    await page.click("#chat-input")
    await page.keyboard.type(question)
    await page.keyboard.press("Enter")


async def drop(page: Page, files: dict[str, bytes]) -> None:
    await page.set_input_files(
        "input[type=file] >> nth=0",
        [
            FilePayload(name=name, mimeType="application/octet-stream", buffer=content)
            for name, content in files.items()
        ],
    )
    await expect(page.locator("#chat-submit")).to_be_enabled()


async def test_from_sign_in_to_the_highlighted_page(start_site: StartSite) -> None:
    site: Site = await start_site()
    async with site.visit() as page:
        await drop(page, {"manual.pdf": pdf_pages(MANUAL), "broken.pdf": pdf_pages(MANUAL)[:700]})
        await ask(page, "Who tests the emergency valve?")
        await expect(page.locator("[data-kf=receipt][data-state=completed]")).to_contain_text("manual.pdf ready")
        failed = page.locator("[data-kf=receipt][data-state=failed]")
        await expect(failed).to_contain_text("broken.pdf The file is damaged")
        await expect(page.locator(".ai-message").last).to_contain_text("Ingrid Solheim")
        await page.click('a[href="#cite-1"] >> nth=0')
        await expect(page.locator("[data-kf=page]")).to_have_text("Page 2 of 2")
        await _expect_highlight(page)
        assert "/chat/thread/" in page.url
        await page.reload()
        await expect(page.locator("[data-kf=sources]")).to_be_visible()
        await expect(page.locator("[data-kf=receipt][data-state=completed]")).to_contain_text("manual.pdf ready")
        await expect(page.locator(".ai-message").last).to_contain_text("Ingrid Solheim")
        await drop(
            page, {"manual.pdf": pdf_pages([MANUAL[0], ["Safety", "The emergency valve is tested by Ola Berg."]])}
        )
        await ask(page, "Who tests the emergency valve now?")
        await expect(page.locator("[data-kf=receipt][data-state=completed]").last).to_contain_text("version 2")
        await expect(page.locator(".ai-message").last).to_contain_text("Ola Berg")
        await page.click('a[href="#cite-1"] >> nth=0')
        await expect(page.locator("[data-kf=superseded]")).to_contain_text(
            "another version of this document answers now"
        )
        await _expect_highlight(page)
    async with site.visit(phone=True, dark=True) as page:
        assert await page.evaluate("document.documentElement.classList.contains('dark')")
        await ask(page, "Who tests the emergency valve?")
        await page.click('a[href="#cite-1"] >> nth=0')
        await _expect_highlight(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert site.complaints == []


async def _expect_highlight(page: Page) -> None:
    """The picture shows a yellow band where, and only where, the cited line stands."""
    image = page.locator("[data-kf=picture] img")
    await expect(image).to_have_js_property("complete", True)
    picture = Image.open(io.BytesIO(await image.screenshot())).convert("RGB")
    yellow = [
        (x, y)
        for x in range(0, picture.width, 2)
        for y in range(0, picture.height, 2)
        if (pixel := picture.getpixel((x, y))) and isinstance(pixel, tuple) and pixel[0] > 200 and pixel[2] < 150
    ]
    assert yellow, "nothing is highlighted"
    tops = [y / picture.height for _, y in yellow]
    # pdf_pages writes the second line 24 points under the first, which stands at 72 of 842 points.
    assert 0.09 < min(tops) < max(tops) < 0.13


async def test_tokens_stream_and_stop_ends_the_models_call(start_site: StartSite) -> None:
    async with OpenAIServer().running() as server:
        site: Site = await start_site(**model_of(server))
        async with site.visit() as page:
            await drop(page, {"refunds.md": b"# Refunds\n\nRefunds take 14 days after the goods came back.\n"})
            await ask(page, "How long do refunds take?")
            answer = page.locator(".ai-message").last
            await expect(answer).to_contain_text("Refunds take 14 days")
            await expect(answer.locator('a[href="#cite-1"]')).to_be_visible()
            assert server.bodies[-1]["stream"] is True
            server.fault = Fault.ENDLESS
            await ask(page, "How long do refunds take in the end?")
            await server.until_opened(2)
            await expect(page.locator(".ai-message").last).to_contain_text("Refunds take 14 days")
            await page.click("#stop-button")
            await server.until_cancelled(1)
            await expect(page.get_by_text("Stopped. What was said so far is kept.")).to_be_visible()
            await page.reload()
            await expect(page.get_by_text("Stopped. What was said so far is kept.")).to_be_visible()


async def test_a_closed_browser_does_not_stop_the_answer(start_site: StartSite) -> None:
    async with OpenAIServer().running() as server:
        site: Site = await start_site(**model_of(server))
        async with site.window() as context:
            page = await site.sign_in(context)
            await drop(page, {"refunds.md": b"# Refunds\n\nRefunds take 14 days after the goods came back.\n"})
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


def model_of(server: OpenAIServer) -> dict[str, str]:
    """Settings with which the server is the language model."""
    return {
        "FOUNDRY_IGNORE_MODEL_KEYS": "",
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "test",
        "OPENAI_MODEL": MODEL,
    }
