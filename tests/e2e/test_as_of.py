"""Can a reader ask the documents as they stood on an earlier day, and see which sources answer no more?"""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import text

from config.loader import load_settings
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from services.connections import maintenance_address
from tests.e2e.site import Site
from tests.e2e.test_chat import ask, drop

pytestmark = pytest.mark.browser

OLD = {"valve.md": b"# Valve\n\nThe relief valve of the Zwiebelturm opens at 6 bar.\n"}
NEW = {"valve.md": b"# Valve\n\nThe relief valve of the Zwiebelturm opens at 8 bar.\n"}
QUESTION = "At which pressure does the relief valve of the Zwiebelturm open?"


async def test_an_earlier_day_is_chosen_in_the_conversation(site: Site) -> None:
    async with site.visit() as page:
        for files in (OLD, NEW):
            await drop(page, files)
            await ask(page, "")
            await expect(page.locator("[data-kf=receipt][data-state=completed]")).to_have_count(
                1 if files is OLD else 2
            )
            await _answered_for_a_year(site)
        await _choose_an_earlier_day(page)
        await ask(page, QUESTION)
        await expect(page.locator(".ai-message").last).to_contain_text("opens at 6 bar")
        await expect(page.get_by_text("From the documents as they stood on")).to_be_visible()
        await expect(page.locator("[data-kf=old]")).to_have_text("superseded")
        await page.reload()
        await expect(page.locator("[data-kf=old]")).to_have_text("superseded")
        await ask(page, QUESTION)
        await expect(page.locator(".ai-message").last).to_contain_text("opens at 8 bar")
        await expect(page.locator("[data-kf=old]")).to_have_count(1)
    assert site.complaints == []


async def _answered_for_a_year(site: Site) -> None:
    """The first version was handed in a year ago."""
    database = MaintenanceDatabase(create_engine(maintenance_address(load_settings(environ=site.environ).settings)))
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE version_periods SET valid_from = now() - interval '1 year' WHERE version_id IN"
                " (SELECT id FROM document_versions WHERE number = 1 AND organization_id ="
                " (SELECT id FROM organizations WHERE name = :name))"
            ),
            {"name": site.organization},
        )
    await database.close()


async def _choose_an_earlier_day(page: Page) -> None:
    await page.click("#chat-settings-open-modal")
    await page.get_by_role("button", name="Today").click()
    await page.get_by_role("button", name="Go to the Previous Month").click()
    await page.get_by_role("gridcell", name="15").get_by_role("button").click()
    await page.get_by_role("button", name="Confirm").click()
