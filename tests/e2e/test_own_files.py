"""Can somebody who only asks drop a file for himself, find it again and remove it?"""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

import pytest
from playwright.async_api import Page, expect

from tests.e2e.site import Site
from tests.e2e.test_chat import ask, drop
from tests.fixtures.application import PASSWORD

pytestmark = pytest.mark.browser


async def _add_viewer(page: Page, email: str) -> None:
    added = await page.evaluate(
        """async ([email, password]) => {
            const csrf = document.cookie.split("; ").find((part) => part.startsWith("kf_csrf=")).slice(8);
            const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
            const body = JSON.stringify({ email, password, role: "viewer" });
            return (await fetch("/api/v1/users", { method: "POST", headers, body })).status;
        }""",
        [email, PASSWORD],
    )
    assert added == 201


async def _documents(page: Page) -> int:
    return int(await page.evaluate("fetch('/api/v1/documents').then((r) => r.json()).then((page) => page.total)"))


async def test_a_viewers_own_files_are_found_and_removed_and_nobody_else_sees_them(site: Site) -> None:
    async with site.visit() as ada, site.window() as context:
        await _add_viewer(ada, site.colleague("vera"))
        vera = await site.sign_in(context, site.colleague("vera"))
        await drop(vera, {"pay.txt": b"The keeper of the Zwiebelturm earns 4711 crowns.", "old.txt": b"An old note."})
        await ask(vera, "What does the keeper of the Zwiebelturm earn?")
        await expect(vera.locator("[data-kf=receipt][data-state=completed]")).to_have_count(2)
        await expect(vera.locator(".ai-message").last).to_contain_text("4711 crowns")
        assert (await _documents(ada), await _documents(vera)) == (0, 2)
        await vera.get_by_label("Remove old.txt").click()
        await vera.get_by_text("Remove it for good").click()
        await expect(vera.locator("[data-kf=receipt]").filter(has_text="old.txt")).to_contain_text("has been removed")
        await vera.get_by_text("Your files").click()
        await expect(vera.locator("#files li")).to_have_count(1)
        row = vera.locator("#files li")
        await expect(row).to_contain_text("pay.txt")
        await expect(row).to_contain_text("only you see it")
        await vera.keyboard.press("Tab")
        await vera.get_by_label("Remove pay.txt").press("Enter")
        await expect(vera.get_by_text("Keep")).to_be_focused()
        await vera.get_by_text("Keep").press("Enter")
        await expect(vera.get_by_label("Remove pay.txt")).to_be_focused()
        await vera.get_by_label("Remove pay.txt").click()
        await vera.get_by_text("Remove it for good").click()
        await expect(row).to_contain_text("You have handed in no files yet.")
        assert await _documents(vera) == 0
    async with site.window(phone=True, dark=True) as stranger:
        page = await stranger.new_page()
        await page.goto(f"{site.url}/files")
        await expect(page.locator("[name=email]")).to_be_visible()
        await page.fill("[name=email]", site.colleague("vera"))
        await page.fill("[name=password]", PASSWORD)
        await page.click("button")
        await expect(page.locator("h1")).to_have_text("Your files")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert site.complaints == []


async def test_files_in_a_dropped_file_have_receipts_under_its_own_and_many_are_counted(site: Site) -> None:
    async with site.visit() as page:
        await drop(page, {"offer.eml": _offer(), "notes.zip": _notes(24)})
        await page.click("#chat-submit")
        await _expect_parts(page)
        await page.reload()
        await _expect_parts(page)
    async with site.visit(phone=True, dark=True) as page:
        await drop(page, {"offer.eml": _offer()})
        await page.click("#chat-submit")
        await expect(page.locator("[data-kf=parts] li")).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert site.complaints == []


async def _expect_parts(page: Page) -> None:
    offer, notes = (page.locator("[data-kf=receipt]").filter(has_text=name) for name in ("offer.eml", "notes.zip"))
    parts = offer.locator("[data-kf=parts] li")
    await expect(parts.filter(has_text="prices.txt")).to_contain_text("ready")
    await expect(parts.filter(has_text="plan.pdf")).to_contain_text("The file is damaged")
    await expect(parts).to_have_count(2)
    await expect(notes).to_contain_text("25 files in it · 24 ready · 1 not read")
    await expect(notes.locator("[data-kf=parts] li")).to_have_count(1)
    await expect(notes.locator("[data-kf=parts] li")).to_contain_text("plan.pdf The file is damaged")


def _offer() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"] = "Offer", "a@example.com"
    message.set_content("See the attachment.")
    message.add_attachment(b"The pump of the Zwiebelturm costs 4711 crowns.", "text", "plain", filename="prices.txt")
    message.add_attachment(b"%PDF-1.7 broken", "application", "pdf", filename="plan.pdf")
    return message.as_bytes()


def _notes(count: int) -> bytes:
    """An archive of so many notes, and a file that cannot be read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("plan.pdf", b"%PDF-1.7 broken")
        for number in range(count):
            archive.writestr(f"note-{number}.txt", f"Note {number} of the Zwiebelturm.")
    return buffer.getvalue()


async def test_a_question_about_a_mail_is_answered_from_what_is_attached_to_it(site: Site) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "Offer", "a@example.com"
    message.set_content("See the attachment.")
    message.add_attachment(b"The pump of the Zwiebelturm costs 4711 crowns.", "text", "plain", filename="prices.txt")
    async with site.visit() as page:
        await drop(page, {"offer.eml": message.as_bytes()})
        await ask(page, "What does the pump of the Zwiebelturm cost?")
        await expect(page.locator(".ai-message").last).to_contain_text("4711 crowns")
        await expect(page.locator("[data-kf=sources]")).to_contain_text("offer.eml › prices.txt")
