"""Is a page drawn in a process of its own, whose end is nobody else's?"""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from core.errors import NotFoundError
from core.types import Box
from plugins.parser.sandbox.drawing import PageDrawer, Quote
from plugins.parser.sandbox.pool import ParseLimits
from tests.fixtures.documents import pdf_pages
from tests.support.waiting import until

TEXT = "The relief valve opens at 6 bar."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stored"
    path.write_bytes(pdf_pages([[TEXT], ["A second page."]]))
    return path


@pytest.fixture
async def drawer() -> AsyncIterator[PageDrawer]:
    opened = PageDrawer()
    yield opened
    await opened.close()


async def test_a_quote_is_found_and_marked(drawer: PageDrawer, file: Path) -> None:
    start = TEXT.index("6 bar")
    page = await drawer.draw(file, 1, 1.0, quote=Quote(start, start + 5, "6 bar"))
    plain = await drawer.draw(file, 1, 1.0)
    assert len(page.boxes) == 1
    assert plain.boxes == ()
    assert Image.open(io.BytesIO(page.png)).size == Image.open(io.BytesIO(plain.png)).size
    assert page.png != plain.png
    given = Box(0.1, 0.1, 0.5, 0.2)
    assert (await drawer.draw(file, 1, 1.0, boxes=[given])).boxes == (given,)


async def test_a_page_that_is_not_there_is_said_to_be_missing(drawer: PageDrawer, file: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no page 3"):
        await drawer.draw(file, 3, 1.0)


async def test_nothing_is_drawn_in_this_process_and_its_child_may_die(drawer: PageDrawer, file: Path) -> None:
    await drawer.draw(file, 1, 1.0)
    (child,) = _children()
    os.kill(child.pid, signal.SIGKILL)
    # Its parent is told later.
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert (await drawer.draw(file, 2, 1.0)).png


async def test_a_warm_process_has_what_it_needs_before_the_first_page_and_draws_it(
    drawer: PageDrawer, file: Path
) -> None:
    await drawer.warm()
    (child,) = _children()
    assert any("pdfium" in mapped.path for mapped in child.memory_maps())
    await drawer.warm()
    assert (await drawer.draw(file, 1, 1.0)).png
    assert _children() == [child]


async def test_warming_never_waits_for_a_page_that_is_being_drawn(drawer: PageDrawer, file: Path) -> None:
    drawing = asyncio.create_task(drawer.draw(file, 1, 1.0))
    await asyncio.sleep(0)
    await drawer.warm()
    assert not drawing.done()
    assert (await drawing).png


def _children() -> list[psutil.Process]:
    """The drawing processes of this one."""
    return [one for one in psutil.Process().children() if "plugins.parser.sandbox.child" in " ".join(one.cmdline())]


async def test_a_page_that_takes_too_long_cannot_be_drawn_and_the_next_step_is_said(file: Path) -> None:
    slow = PageDrawer(ParseLimits(wall_s=0))
    try:
        with pytest.raises(NotFoundError) as caught:
            await slow.draw(file, 1, 1.0)
    finally:
        await slow.close()
    assert "cannot be drawn" in caught.value.message
    assert caught.value.next_step


async def test_what_is_no_pdf_and_no_picture_cannot_be_drawn(drawer: PageDrawer, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"%PDF-1.7 nothing follows")
    with pytest.raises(NotFoundError):
        await drawer.draw(nonsense, 1, 1.0)
