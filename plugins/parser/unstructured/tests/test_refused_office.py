"""Which office files are refused, and in which words?"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches

from core.errors import DocumentError
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from plugins.parser.unstructured.tests.office_files import (
    refused,
    saved,
    slides,
    word,
    workbook,
)


def _empty_slides() -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1))
    return saved(presentation)


def cut_inside(content: bytes, part: str) -> bytes:
    """The same archive, with one part of it cut in half."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(buffer, "w") as cut:
        for name in whole.namelist():
            kept = whole.read(name)
            cut.writestr(name, kept[: len(kept) // 2] if name == part else kept)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("filename", "make"),
    [
        ("a.docx", lambda: saved(WordDocument())),
        ("a.pptx", lambda: saved(Presentation())),
        ("b.pptx", _empty_slides),
        ("a.xlsx", lambda: saved(Workbook())),
        ("a.html", lambda: b"<html><body><script>x()</script></body></html>"),
        ("a.eml", lambda: b"MIME-Version: 1.0\nContent-Type: text/plain\n\n\n"),
    ],
)
async def test_a_file_without_words_is_refused(tmp_path: Path, filename: str, make: Callable[[], bytes]) -> None:
    assert await refused(tmp_path, filename, make()) == "no_text"


@pytest.mark.parametrize("filename", ["a.pptx", "a.xlsx"])
async def test_what_is_no_office_file_is_damaged(tmp_path: Path, filename: str) -> None:
    assert await refused(tmp_path, filename, b"just words") == "corrupt"


@pytest.mark.parametrize(
    ("filename", "make", "part", "program"),
    [
        ("a.docx", word, "word/document.xml", "Word"),
        ("a.docx", word, "word/_rels/document.xml.rels", "Word"),
        ("a.docx", word, "[Content_Types].xml", "Word"),
        ("a.pptx", slides, "ppt/slides/slide1.xml", "PowerPoint"),
        ("a.xlsx", workbook, "xl/worksheets/sheet1.xml", "Excel"),
    ],
)
async def test_an_office_file_that_is_cut_off_inside_is_damaged_and_names_its_program(
    tmp_path: Path, filename: str, make: Callable[[], bytes], part: str, program: str
) -> None:
    path = tmp_path / filename
    path.write_bytes(cut_inside(make(), part))
    with pytest.raises(DocumentError, match=f"damaged: .* as a {program} file") as caught:
        await UnstructuredParser(UnstructuredOptions()).parse(path)
    assert caught.value.failure_code == "corrupt"
    assert caught.value.next_step == f"Open it in {program}, save it again, and upload that."


async def test_a_slide_that_the_presentation_names_but_lacks_is_damage(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(slides())) as whole, zipfile.ZipFile(buffer, "w") as lacking:
        for name in whole.namelist():
            if name != "ppt/slides/slide1.xml":
                lacking.writestr(name, whole.read(name))
    assert await refused(tmp_path, "a.pptx", buffer.getvalue()) == "corrupt"


@pytest.mark.parametrize("filename", ["a.txt", "a.odg", "document"])
async def test_a_type_it_does_not_know_is_refused(tmp_path: Path, filename: str) -> None:
    assert await refused(tmp_path, filename, b"words") == "unsupported_type"
