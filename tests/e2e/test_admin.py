"""Can an administrator sign in, hand in a document, see how it is, and remove it?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.e2e.conftest import EMAIL, Site, StartSite
from tests.fixtures.application import PASSWORD

pytestmark = pytest.mark.browser


async def _sign_in(page: Page, password: str) -> None:
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_documents_from_upload_to_deletion(
    start_site: StartSite, start_admin: Callable[[Site], Awaitable[str]]
) -> None:
    site: Site = await start_site()
    address = await start_admin(site)
    async with site.window() as context:
        page = await context.new_page()
        await page.goto(address)
        await _sign_in(page, "wrong")
        await expect(page.get_by_text("E-mail or password is wrong.")).to_be_visible()
        await _sign_in(page, PASSWORD)
        await expect(page.get_by_text("No documents yet.")).to_be_visible()
        note = FilePayload(name="note.md", mimeType="text/markdown", buffer=b"The relief valve opens at 6 bar.")
        await page.set_input_files("input[type=file]", [note])
        await page.get_by_role("button", name="Upload 1").click()
        await expect(page.get_by_text("note.md is being read; see Jobs.")).to_be_visible()
        await page.get_by_role("link", name="Jobs").click()
        await expect(page.get_by_test_id("stMetricValue").first).to_have_text("0")
        await page.get_by_role("link", name="Health").click()
        await expect(page.get_by_text("All is well.")).to_be_visible()
        await page.get_by_role("link", name="Documents").click()
        await expect(page.get_by_text("1 document", exact=True)).to_be_visible()
        # The table is a canvas: its first cell chooses the row.
        await page.get_by_test_id("stDataFrame").locator("canvas").first.click(position={"x": 15, "y": 52}, force=True)
        await page.get_by_role("button", name="Delete …").click()
        await page.get_by_role("button", name="Delete for good").click()
        await expect(page.get_by_text("No documents yet.")).to_be_visible()
