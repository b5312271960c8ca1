"""Does the chat show how far the files inside a dropped file are?"""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from playwright.async_api import expect

from tests.e2e.site import Site
from tests.e2e.test_chat import ask, drop

pytestmark = pytest.mark.browser


def _mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@alpha.example", "otto@alpha.example", "Inspection"
    message.set_content("The reports are attached.")
    for name, content in (("valves.txt", b"The relief valve opens at 6 bar."), ("broken.pdf", b"%PDF-1.4 nonsense")):
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


async def test_attachments_stand_under_the_mail_they_came_with(site: Site) -> None:
    async with site.visit() as page:
        await drop(page, {"inspection.eml": _mail()})
        await ask(page, "")
        parts = page.locator("[data-kf=parts][data-waiting='0']")
        for _ in ("live", "loaded again"):
            await expect(parts).to_contain_text("2 files in it · 1 ready · 1 not read")
            await expect(parts.get_by_role("listitem").filter(has_text="valves.txt")).to_have_text("valves.txt ready")
            broken = parts.get_by_role("listitem").filter(has_text="broken.pdf")
            await expect(broken).to_contain_text("The file is damaged")
            await page.reload()
    assert site.complaints == []
