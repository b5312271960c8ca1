"""Does a conversation stay where its reader left it: in view, rated, at its end, and found again?"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Site, StartSite
from tests.e2e.test_chat import drop

pytestmark = pytest.mark.browser

VALVE = {"valve.md": b"# Valve\n\nThe relief valve of the Zwiebelturm opens at 6 bar.\n"}
QUESTION = "At which pressure does the relief valve of the Zwiebelturm open?"
THREAD = re.compile(r"/chat/thread/[0-9a-f-]{36}$")


async def _asked(page: Page, question: str) -> None:
    """Ask, and wait until the answer is there with its sources."""
    before = await page.locator("[data-kf=sources]").count()
    await page.fill("#chat-input", question)
    # A new conversation has a socket of its own; until it is there nothing can be sent.
    await expect(page.locator("#chat-submit")).to_be_enabled()
    await page.click("#chat-submit")
    await expect(page.locator("[data-kf=sources]")).to_have_count(before + 1)


async def test_a_new_conversation_has_its_address_and_is_there_after_reloading(start_site: StartSite) -> None:
    site: Site = await start_site()
    async with site.visit() as page:
        await drop(page, VALVE)
        await _asked(page, QUESTION)
        first = page.url
        await page.click("#new-chat-button")
        await expect(page.locator("#welcome-screen")).to_be_visible()
        await _asked(page, "Does the relief valve open at 6 bar?")
        await expect(page).to_have_url(THREAD)
        assert page.url != first
        await page.reload()
        await expect(page.get_by_text("Does the relief valve open at 6 bar?").last).to_be_visible()
        await expect(page.locator(".ai-message").last).to_contain_text("opens at 6 bar")
        await expect(page.get_by_text(QUESTION)).to_have_count(0)
    assert site.complaints == []


async def test_an_answer_opened_again_is_copied_rated_and_in_view(start_site: StartSite) -> None:
    site: Site = await start_site()
    async with site.visit() as page:
        await drop(page, VALVE)
        await _asked(page, QUESTION)
        for _ in range(3):
            await _asked(page, QUESTION)
        await page.locator(".positive-feedback-off").last.click()
        await page.click("#submit-feedback")
        await expect(page.locator(".positive-feedback-on")).to_have_count(1)
        await page.reload()
        await expect(page.locator("[data-kf=sources]")).to_have_count(4)
        await expect(page.locator(".positive-feedback-on")).to_have_count(1)
        await expect(page.locator(".positive-feedback-off")).to_have_count(3)
        await expect(page.locator("[data-kf=sources]").last).to_be_in_viewport(ratio=1)
        await expect(page.locator("[data-kf=sources]").first).not_to_be_in_viewport()
        last = page.locator(".ai-message").last
        await expect(last.get_by_role("button").filter(has=page.locator("svg.lucide-copy"))).to_be_visible()
        # The thumb is taken back, and stays so.
        await last.locator(".positive-feedback-on").click()
        await expect(page.locator(".positive-feedback-on")).to_have_count(0)
        await page.reload()
        await expect(page.locator(".positive-feedback-off")).to_have_count(4)
    assert site.complaints == []
