"""Can a person sign in, drop a file, ask, watch the answer come, and open the very passage?"""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Page, expect

from tests.e2e.site import Site
from tests.fixtures.documents import pdf_pages

pytestmark = pytest.mark.browser

MANUAL = [
    ["Pump manual", "The circulation pump runs at 1,450 revolutions per minute."],
    ["Safety", "The emergency valve is tested on the first Tuesday of each quarter by Ingrid Solheim."],
]


async def ask(page: Page, question: str) -> None:
    """As a person types it."""
    await page.click("#chat-input")
    await page.keyboard.type(question)
    await page.keyboard.press("Enter")


async def drop(page: Page, files: dict[str, bytes]) -> None:
    """Put files beside the question that is being written."""
    await page.set_input_files(
        "input[type=file] >> nth=0",
        [
            FilePayload(name=name, mimeType="application/octet-stream", buffer=content)
            for name, content in files.items()
        ],
    )
    await expect(page.locator("#chat-submit")).to_be_enabled()


async def test_from_sign_in_to_the_highlighted_page(site: Site) -> None:
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


async def test_what_comes_closest_is_shown_as_no_answer_and_opens(site: Site) -> None:
    async with site.visit() as page:
        await drop(page, {"manual.pdf": pdf_pages(MANUAL)})
        await ask(page, "Which oil does the circulation pump of the second boiler need?")
        answer = page.locator(".ai-message").last
        await expect(answer).to_contain_text("Nothing here says this outright.")
        await expect(answer.locator("blockquote").first).to_contain_text(
            "The circulation pump runs at 1,450 revolutions"
        )
        for _ in ("live", "loaded again"):
            await expect(page.locator("[data-kf=closest]")).to_contain_text("Not an answer.")
            await page.click('a[href="#cite-1"] >> nth=0')
            await expect(page.locator("[data-kf=page]")).to_have_text("Page 1 of 2")
            await page.reload()
    assert site.complaints == []


PARTS = "Part;Description;Fits\n" + "".join(
    f"60-{n:04};Gasket set {n};{('TX-400', 'TX-240', 'all')[n % 3]}\n" for n in range(24)
)


async def test_a_greeting_offers_questions_and_a_list_has_every_row(site: Site) -> None:
    async with site.visit() as page:
        await drop(page, {"spare-parts.csv": PARTS.encode()})
        await ask(page, "hello")
        answer = page.locator(".ai-message").last
        await expect(answer).to_contain_text("the one document that you may read (1 CSV)")
        await page.reload()
        await page.get_by_role("link", name="List all rows of spare-parts.csv").click()
        await expect(page.locator(".ai-message").last).to_contain_text("24 rows of spare-parts.csv")
        await ask(page, "How many parts fit the TX-400?")
        answer = page.locator(".ai-message").last
        await expect(answer).to_contain_text("16 of 24 rows of spare-parts.csv")
        await expect(answer).to_contain_text("8 name “TX-400”, 8 say “all” in the column Fits")
        await expect(answer.locator("tbody tr")).to_have_count(16)
        sources = page.locator("[data-kf=sources]").last
        await expect(sources.get_by_role("listitem")).to_have_count(7)
        await sources.locator("[data-kf=all-sources]").click()
        await expect(sources.get_by_role("listitem")).to_have_count(16)
        await answer.locator('a[href="#cite-16"]').click()
        await expect(page.locator("[data-kf=passage]")).to_contain_text("60-0023")
    async with site.visit(phone=True, dark=True) as page:
        await ask(page, "How many parts fit the TX-400?")
        await expect(page.locator(".ai-message").last.locator("tbody tr")).to_have_count(16)
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
