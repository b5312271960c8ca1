"""Is a PDF file read page by page, or refused with a reason?"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from core.errors import DocumentError
from core.types import BlockKind, ParsedDocument, PluginStatus
from plugins.parser.pdf.provider import PdfOptions, PdfParser
from tests.fixtures.documents import pdf_pages, with_damaged_pages


async def parsed(folder: Path, content: bytes, **options: object) -> ParsedDocument:
    path = folder / "stored"
    path.write_bytes(content)
    return await PdfParser(PdfOptions.model_validate(options)).parse(path)


async def refused(folder: Path, content: bytes, **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        await parsed(folder, content, **options)
    assert caught.value.message.endswith(".")
    assert caught.value.next_step.endswith(".")
    return caught.value


def drawn(*lines: tuple[float, str], font: str = "Helvetica") -> bytes:
    """One page; each line with its size."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    y = 780.0
    for size, text in lines:
        canvas.setFont(font, size)
        canvas.drawString(72, y, text)
        y -= 2 * size
    canvas.save()
    return buffer.getvalue()


def encrypted(user: str) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(user, ownerPassword="owner", canPrint=0))
    canvas.drawString(72, 700, "Words behind a lock.")
    canvas.save()
    return buffer.getvalue()


async def test_each_page_has_its_number_and_its_text(tmp_path: Path) -> None:
    document = await parsed(tmp_path, pdf_pages([["First page.", "Second line."], [], ["Third page."]]))
    assert document.paged
    assert [(page.number, page.text) for page in document.pages] == [
        (1, "First page.\nSecond line."),
        (2, ""),
        (3, "Third page."),
    ]


async def test_larger_letters_are_headings_by_level(tmp_path: Path) -> None:
    body = [(10.0, f"Line {number} of the body of this page, in ordinary letters.") for number in range(6)]
    document = await parsed(tmp_path, drawn((24.0, "Manual"), (16.0, "Safety"), *body, (16.0, "Valves"), *body))
    (page,) = document.pages
    assert [(b.kind, b.level, page.text[b.start : b.end].split("\n")[0]) for b in page.blocks] == [
        (BlockKind.HEADING, 1, "Manual"),
        (BlockKind.HEADING, 2, "Safety"),
        (BlockKind.TEXT, 0, body[0][1]),
        (BlockKind.HEADING, 2, "Valves"),
        (BlockKind.TEXT, 0, body[0][1]),
    ]


async def test_a_page_in_one_size_has_no_heading(tmp_path: Path) -> None:
    (page,) = (await parsed(tmp_path, pdf_pages([["One line.", "Another line."]]))).pages
    assert [block.kind for block in page.blocks] == [BlockKind.TEXT]


async def test_a_long_line_in_large_letters_is_no_heading(tmp_path: Path) -> None:
    body = [(8.0, "ordinary words " * 8) for _ in range(8)]
    (page,) = (await parsed(tmp_path, drawn((9.5, "very large words " * 8), *body))).pages
    assert {block.kind for block in page.blocks} == {BlockKind.TEXT}


async def test_blocks_cover_the_text_of_a_page_in_order(tmp_path: Path) -> None:
    (page,) = (await parsed(tmp_path, drawn((24.0, "Manual"), (10.0, "  indented words  "), (10.0, "more")))).pages
    position = 0
    for block in page.blocks:
        assert not page.text[position : block.start].strip()
        position = block.end
    assert not page.text[position:].strip()


async def test_a_file_without_a_user_s_password_is_read_though_it_is_encrypted(tmp_path: Path) -> None:
    assert "behind a lock" in (await parsed(tmp_path, encrypted(""))).text


async def test_a_file_with_a_password_is_said_to_have_one(tmp_path: Path) -> None:
    assert (await refused(tmp_path, encrypted("secret"))).failure_code == "encrypted"


@pytest.mark.parametrize("content", [b"", b"no pdf", b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(5000)])
async def test_what_is_no_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    assert (await refused(tmp_path, content)).failure_code == "corrupt"


async def test_a_cut_off_file_is_read_or_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = pdf_pages([["Words on a page."]] * 3)
    outcomes = set()
    for length in range(0, len(whole), 97):
        try:
            document = await parsed(tmp_path, whole[:length])
        except DocumentError as error:
            outcomes.add(error.failure_code)
        else:
            outcomes.add(document.text.split("\n")[0])
    assert outcomes <= {"corrupt", "no_text", "Words on a page."}
    assert "corrupt" in outcomes


@pytest.mark.parametrize(
    ("damaged", "warning"),
    [
        ((2,), "Page 2 is damaged and was left out."),
        ((1, 3), "Pages 1, 3 are damaged and were left out."),
    ],
)
async def test_damaged_pages_are_left_out_and_named_and_the_others_keep_their_numbers(
    tmp_path: Path, damaged: tuple[int, ...], warning: str
) -> None:
    document = await parsed(tmp_path, with_damaged_pages([["One."], ["Two."], ["Three."], ["Four."]], damaged))
    words = {1: "One.", 2: "Two.", 3: "Three.", 4: "Four."}
    assert [(page.number, page.text) for page in document.pages] == [
        (number, "" if number in damaged else text) for number, text in words.items()
    ]
    assert document.warnings == (warning,)


async def test_of_many_damaged_pages_some_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    content = with_damaged_pages([[f"Page {number}."] for number in range(1, 31)], range(2, 27))
    (warning,) = (await parsed(tmp_path, content)).warnings
    assert warning.startswith("Pages 2, 3, 4,")
    assert warning.endswith(" 20, 21 and 5 more are damaged and were left out.")


async def test_a_file_of_damaged_pages_only_is_damaged(tmp_path: Path) -> None:
    error = await refused(tmp_path, with_damaged_pages([["One."], ["Two."]], (1, 2)))
    assert error.failure_code == "corrupt"


async def test_a_whole_file_carries_no_warning(tmp_path: Path) -> None:
    assert (await parsed(tmp_path, pdf_pages([["One."], []]))).warnings == ()


async def test_pictures_of_text_are_said_to_be_a_scan(tmp_path: Path) -> None:
    error = await refused(tmp_path, pdf_pages([[], []]))
    assert error.failure_code == "no_text"
    assert "OCR" in error.next_step


async def test_a_file_of_too_many_pages_is_refused_before_it_is_read(tmp_path: Path) -> None:
    error = await refused(tmp_path, pdf_pages([["x"]] * 4), max_pages=3)
    assert error.failure_code == "too_many_pages"
    assert "4 pages; 3 are read" in error.message


async def test_it_reads_pdf_only_and_names_its_library() -> None:
    parser = PdfParser(PdfOptions())
    await parser.start()
    assert parser.supports_mime_type("application/pdf")
    assert not parser.supports_mime_type("text/plain")
    health = await parser.health_check()
    assert health.status is PluginStatus.HEALTHY
    assert "pdfium" in health.detail
    await parser.close()
