"""Does a highlight lie on the words it is meant for?"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from core.errors import NotFoundError
from core.types import Box
from plugins.parser.pdf.pages import HIGHLIGHT, page_boxes, render_page
from plugins.parser.pdf.provider import PdfOptions, PdfParser
from tests.fixtures.documents import HEIGHT, WIDTH, pdf_pages, with_damaged_pages

LINES = ["The relief valve opens at 6 bar.", "It is tested every January."]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "stored"
    file.write_bytes(pdf_pages([["A title page."], LINES]))
    return file


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


async def test_a_span_in_one_line_gets_one_box_where_that_line_stands(path: Path) -> None:
    text = (await PdfParser(PdfOptions()).parse(path)).pages[1].text
    start = text.index("tested")
    (box,) = page_boxes(path, 2, start, start + len("tested"))
    # The second line's letters stand on 96 points below the top edge.
    assert box.top * HEIGHT < 96 < box.bottom * HEIGHT
    assert box.bottom - box.top < 20 / HEIGHT
    assert 72 < box.left * WIDTH < box.right * WIDTH < 200


async def test_a_span_over_two_lines_gets_a_box_for_each(path: Path) -> None:
    text = (await PdfParser(PdfOptions()).parse(path)).pages[1].text
    boxes = page_boxes(path, 2, 0, len(text))
    assert len(boxes) == 2
    assert boxes[0].bottom <= boxes[1].top + 4 / HEIGHT
    assert all(0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1 for box in boxes)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (500, 600), (5, 2)])
def test_a_span_of_nothing_gets_no_box(path: Path, start: int, end: int) -> None:
    assert page_boxes(path, 2, start, end) == []


async def test_words_joined_over_a_line_end_are_marked_in_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(pdf_pages([["The valve opens under exces-", "sive pressure."]]))
    text = (await PdfParser(PdfOptions()).parse(path)).pages[0].text
    start = text.index("excessive")
    assert len(page_boxes(path, 1, start, start + len("excessive"))) == 2


@pytest.mark.parametrize("number", [0, -1, 3])
def test_a_page_that_is_not_there_is_not_found(path: Path, number: int) -> None:
    with pytest.raises(NotFoundError, match=f"no page {number}"):
        page_boxes(path, number, 0, 5)
    with pytest.raises(NotFoundError):
        render_page(path, number, 1.0, [])


def test_a_damaged_page_is_not_found_and_the_next_one_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "stored"
    file.write_bytes(with_damaged_pages([["One."], ["Two."]], (1,)))
    with pytest.raises(NotFoundError, match="Page 1 is damaged"):
        render_page(file, 1, 1.0, [])
    with pytest.raises(NotFoundError, match="Page 1 is damaged"):
        page_boxes(file, 1, 0, 3)
    assert render_page(file, 2, 1.0, [])


def test_a_page_is_drawn_at_its_scale_and_never_larger_than_bearable(path: Path) -> None:
    assert picture(render_page(path, 2, 1.0, [])).size == (WIDTH, HEIGHT)
    assert picture(render_page(path, 2, 2.0, [])).size == (2 * WIDTH, 2 * HEIGHT)
    assert max(picture(render_page(path, 2, 100.0, [])).size) <= 4000


def test_a_box_is_marked_and_nothing_else(path: Path) -> None:
    plain = picture(render_page(path, 2, 1.0, []))
    marked = picture(render_page(path, 2, 1.0, [Box(0.5, 0.5, 0.75, 0.6)]))
    inside, outside = (int(0.6 * WIDTH), int(0.55 * HEIGHT)), (int(0.9 * WIDTH), int(0.9 * HEIGHT))
    assert plain.getpixel(inside) == (255, 255, 255)
    assert marked.getpixel(inside) == HIGHLIGHT
    assert marked.getpixel(outside) == (255, 255, 255)


def test_letters_under_a_mark_stay_readable(path: Path) -> None:
    boxes = page_boxes(path, 2, 0, len(LINES[0]))
    marked = picture(render_page(path, 2, 2.0, boxes)).convert("L")
    assert marked.getextrema()[0] == picture(render_page(path, 2, 2.0, [])).convert("L").getextrema()[0]


def test_a_page_with_a_cropped_edge_counts_from_what_is_seen(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), cropBox=(100, 100, 500, 700))
    canvas.drawString(100, 688, "Top left of what is seen")
    canvas.save()
    path = tmp_path / "stored"
    path.write_bytes(buffer.getvalue())
    (box,) = page_boxes(path, 1, 0, 8)
    assert box.left < 0.02
    assert box.top < 0.05
    assert box.right < 0.3


def test_a_quote_is_marked_where_its_words_stand_now_and_nothing_where_they_do_not(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    path.write_bytes(pdf_pages([["The boiler is tested each year.", "The pump is not tested."]]))
    text = "The boiler is tested each year.\nThe pump is not tested."
    here = page_boxes(path, 1, text.index("The pump"), len(text))
    assert len(here) == 1
    assert page_boxes(path, 1, 3, 25, "The  pump is\nnot tested.") == here
    assert page_boxes(path, 1, text.index("The pump"), len(text), "The pump is not tested.") == here
    assert page_boxes(path, 1, 0, 10, "Something that stands nowhere.") == []
    assert page_boxes(path, 1, 0, 3, "---") == []
