"""Does a conversation stay where its reader left it: in view, rated, at its end, and found again?"""

from __future__ import annotations

import os
import re

import psutil
import pytest
from playwright.async_api import Page, expect

from services.answers.starters import SAMPLES, sample_starters
from tests.e2e.site import Site, StartGateway
from tests.e2e.test_chat import drop

pytestmark = pytest.mark.browser

VALVE = {"valve.md": b"# Valve\n\nThe relief valve of the Zwiebelturm opens at 6 bar.\n"}
QUESTION = "At which pressure does the relief valve of the Zwiebelturm open?"
CORPUS = SAMPLES.parent / "corpus"
THREAD = re.compile(r"/chat/thread/[0-9a-f-]{36}$")


async def _asked(page: Page, question: str) -> None:
    """Ask, and wait until the answer is there with its sources."""
    before = await page.locator("[data-kf=sources]").count()
    await page.fill("#chat-input", question)
    # A new conversation has a socket of its own; until it is there nothing can be sent.
    await expect(page.locator("#chat-submit")).to_be_enabled()
    await page.click("#chat-submit")
    await expect(page.locator("[data-kf=sources]")).to_have_count(before + 1)


async def test_a_new_conversation_has_its_address_and_is_there_after_reloading(site: Site) -> None:
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
        await expect(page.locator(".step").filter(has_text=QUESTION)).to_have_count(0)
    assert site.complaints == []


async def test_an_answer_opened_again_is_copied_rated_and_in_view(site: Site) -> None:
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


async def test_from_ones_files_both_ways_back_lead_to_the_conversation(site: Site) -> None:
    async with site.visit() as page:
        await drop(page, VALVE)
        await _asked(page, QUESTION)
        await page.click("#new-chat-button")
        await expect(page.locator("#welcome-screen")).to_be_visible()
        await _asked(page, QUESTION)
        address = page.url
        for way_back in (page.get_by_text("Back to the conversation").click, page.go_back):
            await page.get_by_text("Your files").click()
            await expect(page.locator("#files li")).to_contain_text("valve.md")
            await way_back()
            await expect(page).to_have_url(address)
            await expect(page.locator(".ai-message").last).to_contain_text("opens at 6 bar")
    assert site.complaints == []


async def test_what_draws_pages_runs_before_the_first_page_is_opened(start_gateway: StartGateway) -> None:
    site = await start_gateway()
    async with site.visit() as page:
        while not _drawing(site):
            await page.wait_for_timeout(100)
        assert await page.locator(".step").count() == 0


def _drawing(site: Site) -> list[psutil.Process]:
    """Processes that the gateway of a site has started to draw with."""
    gateways = (one for one in psutil.Process(os.getpid()).children() if "chat_app.asgi" in one.cmdline())
    ours = (one for one in gateways if one.environ()["FOUNDRY__chat__port"] == site.url.rpartition(":")[2])
    return [child for one in ours for child in one.children() if "plugins.parser.sandbox.child" in child.cmdline()]


async def test_conversations_are_named_after_questions_and_found_by_what_was_said(site: Site) -> None:
    async with site.visit() as page:
        await drop(page, VALVE)
        listed = page.locator("#thread-history")
        await page.click("#chat-submit")
        await expect(listed).to_contain_text("valve.md")
        await expect(page.locator("[data-kf=receipt][data-state=completed]")).to_be_visible()
        await _asked(page, QUESTION)
        await expect(listed).to_contain_text("At which pressure")
        await expect(listed).not_to_contain_text("New conversation")
        await expect(listed).not_to_contain_text("valve.md")
        await page.click("#search-chats-button")
        dialog = page.get_by_role("dialog")
        await dialog.locator("[cmdk-input]").fill("6 bar")
        await expect(dialog.locator("[cmdk-item]")).to_have_text(re.compile("At which pressure"))
        await dialog.locator("[cmdk-input]").fill("Quittenmus")
        await expect(dialog).to_contain_text("No conversation mentions “Quittenmus”.")
        await expect(dialog).not_to_contain_text("No conversations yet")
        await dialog.locator("[cmdk-input]").fill("relief")
        await dialog.locator("[cmdk-item]").click()
        await expect(page).to_have_url(THREAD)
    assert site.complaints == []


async def test_an_empty_file_says_so_and_the_help_flows(site: Site) -> None:
    async with site.visit() as page:
        await page.click("#readme-button")
        paragraphs = page.get_by_role("dialog").get_by_role("article")
        await expect(paragraphs).to_have_count(5)
        assert all("\n" not in text.strip() for text in await paragraphs.all_text_contents())
        await page.keyboard.press("Escape")
        await drop(page, {"empty.txt": b"", **VALVE})
        await page.click("#chat-submit")
        await expect(page.locator("[data-kf=receipt][data-state=failed]")).to_have_text(
            "empty.txt The file is empty. Upload a file with content."
        )
        await expect(page.locator("[data-kf=receipt][data-state=completed]")).to_contain_text("valve.md ready")
        await expect(page.get_by_text("Handed in 2 files.")).to_be_visible()
    assert site.complaints == []


async def test_the_first_page_fits_a_phone(site: Site) -> None:
    starters = sample_starters()
    async with site.visit() as page:
        await drop(page, {one.file: (CORPUS / one.file).read_bytes() for one in starters})
        await page.click("#chat-submit")
        await expect(page.locator("[data-kf=receipt][data-state=completed]")).to_have_count(4, timeout=120_000)
    for phone, dark in ((True, False), (False, True)):
        async with site.visit(phone=phone, dark=dark) as page:
            offered = page.locator("#starters p")
            await expect(offered).to_have_text([one.question for one in starters])
            for text in await offered.all():
                await expect(text).to_be_in_viewport(ratio=1)
                assert await text.evaluate("(p) => p.scrollWidth <= p.clientWidth"), await text.text_content()
            for locator in (page.locator("#user-nav-button"), page.locator("#welcome-screen .logo")):
                await expect(locator).to_be_in_viewport(ratio=1)
            name = await page.evaluate(LOGO)
            assert name["right"] <= name["edge"], name
    assert site.complaints == []


LOGO = """async () => {
    const picture = document.querySelector("#welcome-screen .logo");
    const box = document.createElement("div");
    box.innerHTML = await (await fetch(picture.src)).text();
    document.body.append(box);
    const [svg, text] = [box.querySelector("svg"), box.querySelector("text")];
    const found = { right: text.getBBox().x + text.getBBox().width, edge: svg.viewBox.baseVal.width };
    box.remove();
    return found;
}"""
"""Where the last letter of the logo ends, and its picture."""
