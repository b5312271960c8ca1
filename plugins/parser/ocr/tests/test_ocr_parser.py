"""Are scans and pictures read, where nothing else can read them, and only there?"""

from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path

import psutil
import pytest
from PIL import Image

from core.errors import DocumentError, NotFoundError
from core.types import Box, ParsedDocument, ParsedPage, PluginStatus
from plugins.parser import pages as drawn_pages
from plugins.parser.ocr.provider import PICTURES, OcrOptions, OcrParser
from plugins.parser.ocr.tesseract import INSTALL
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from tests.fixtures.documents import HEIGHT, WIDTH, pdf_pages, with_damaged_pages
from tests.fixtures.pictures import drawn, needs_tesseract, picture, scanned_pdf

REFERENCE = "plugins.parser.ocr:OcrParser"
LINES = ["The relief valve opens at 6 bar.", "It is tested every January."]


async def parsed(folder: Path, content: bytes, **options: object) -> ParsedDocument:
    path = folder / "stored"
    path.write_bytes(content)
    return await OcrParser(OcrOptions.model_validate(options)).parse(path)


async def refused(folder: Path, content: bytes, **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        await parsed(folder, content, **options)
    assert caught.value.message.endswith(".")
    assert caught.value.next_step.endswith(".")
    return caught.value


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, recognises: str) -> None:
    """A tesseract of our own: knows English, and does that with pictures."""
    place = folder / "bin"
    place.mkdir()
    script = place / "tesseract"
    script.write_text(
        f'#!/bin/sh\nif [ "$1" = --list-langs ]; then echo "List of available languages (1):"; echo eng; exit; fi\n'
        f"{recognises}\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")


@needs_tesseract
async def test_a_picture_is_read_and_its_words_know_where_they_stand(tmp_path: Path) -> None:
    document = await parsed(tmp_path, picture(drawn(LINES)))
    (page,) = document.pages
    assert page.text.split() == " ".join(LINES).split()
    assert not document.paged
    assert [page.text[word.start : word.end] for word in page.words] == page.text.split()
    january = page.words[-1].box
    # 14 points high, its base 96 points under the top.
    assert january.top * HEIGHT < 92 < 96 <= january.bottom * HEIGHT + 1 < 102
    assert 72 < january.left * WIDTH < january.right * WIDTH < 300
    assert "\n\n".join(page.text[block.start : block.end] for block in page.blocks) == page.text


@needs_tesseract
@pytest.mark.parametrize("degrees", [90, 180, 270])
async def test_a_page_on_its_side_is_read_and_its_words_know_where_they_stand_on_it(
    tmp_path: Path, degrees: int
) -> None:
    lines = [*LINES, "Whoever closes it notes the day in the book of the boiler house."] * 4
    document = await parsed(tmp_path, picture(drawn(lines).rotate(degrees, expand=True)))
    (page,) = document.pages
    assert page.text.split() == " ".join(lines).split()
    first, last = page.words[0].box, page.words[-1].box
    assert {90: first.top > last.top, 180: first.top > last.top, 270: first.left > last.left}[degrees]


@needs_tesseract
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
async def test_every_kind_of_picture_is_read(tmp_path: Path, kind: str) -> None:
    assert "relief valve" in (await parsed(tmp_path, picture(drawn(LINES), kind))).text


@needs_tesseract
@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "CMYK", "I;16", "LA", "transparent"])
async def test_every_way_to_store_a_picture_is_read(tmp_path: Path, mode: str) -> None:
    image = drawn(LINES)
    if mode == "I;16":
        image = Image.frombytes("I;16", image.size, b"".join(struct.pack("<H", v * 257) for v in image.tobytes()))
    elif mode == "transparent":
        # Black letters on nothing: white paper is what people see them on.
        letters = Image.new("RGBA", image.size, (0, 0, 0, 0))
        letters.paste((0, 0, 0, 255), mask=image.point(lambda value: 255 - value))
        image = letters
    else:
        image = image.convert(mode)
    assert "relief valve" in (await parsed(tmp_path, picture(image, "TIFF" if mode == "CMYK" else "PNG"))).text


@needs_tesseract
async def test_a_photograph_that_lies_on_its_side_is_turned_as_it_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = picture(drawn(LINES).rotate(90, expand=True), "JPEG", exif=exif)
    document = await parsed(tmp_path, content)
    assert "relief valve" in document.text
    png = drawn_pages.render_page(tmp_path / "stored", 1, 1.0, [])
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert width < height


@needs_tesseract
async def test_each_picture_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    pages = [drawn(["The first page."]), drawn(["The second page."]), Image.new("L", (300, 300), "white")]
    document = await parsed(tmp_path, picture(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert [page.text for page in document.pages] == ["The first page.", "The second page.", ""]
    assert document.paged
    assert (await refused(tmp_path, (tmp_path / "stored").read_bytes(), max_pages=2)).failure_code == "too_many_pages"


@needs_tesseract
async def test_of_a_pdf_only_pages_without_text_are_recognised(tmp_path: Path) -> None:
    document = await parsed(tmp_path, scanned_pdf(["Typed text of its own.", LINES, None]))
    assert [page.text.split() for page in document.pages] == [
        ["Typed", "text", "of", "its", "own."],
        " ".join(LINES).split(),
        [],
    ]
    assert [bool(page.words) for page in document.pages] == [False, True, False]
    assert document.paged
    assert document.warnings == ()


@needs_tesseract
async def test_a_scan_is_read_in_the_limited_child_and_its_words_arrive(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(scanned_pdf([LINES, LINES, LINES]))
    pool = ParserPool(1, ParseLimits())
    try:
        document = await pool.parse(REFERENCE, {"parallel": 3}, path, suffix=".pdf")
        assert document == await OcrParser(OcrOptions()).parse(path)
    finally:
        await pool.close()
    assert document.pages[2].words[-1].end == len(document.pages[2].text)


@needs_tesseract
async def test_a_picture_without_words_is_no_text(tmp_path: Path) -> None:
    assert (await refused(tmp_path, picture(Image.new("L", (400, 400), "white")))).failure_code == "no_text"
    assert (await refused(tmp_path, scanned_pdf([[]]))).failure_code == "no_text"


@needs_tesseract
async def test_a_language_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    error = await refused(tmp_path, picture(drawn(LINES)), languages=["eng", "xyz_Latn"])
    assert error.failure_code == "program_missing"
    assert "apt-get install tesseract-ocr-xyz-latn" in error.message
    health = await OcrParser(OcrOptions(languages=("xyz_Latn",))).health_check()
    assert health.status is PluginStatus.DEGRADED
    assert "tesseract-ocr-xyz-latn" in health.detail
    assert (await OcrParser(OcrOptions()).health_check()).status is PluginStatus.HEALTHY


# -- without tesseract


async def test_without_tesseract_scans_and_pictures_say_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for content in (picture(drawn(LINES)), scanned_pdf([LINES, None])):
        error = await refused(tmp_path, content)
        assert error.failure_code == "program_missing"
        assert INSTALL in error.message
    health = await OcrParser(OcrOptions()).health_check()
    assert health.status is PluginStatus.DEGRADED
    assert INSTALL in health.detail


async def test_without_tesseract_a_pdf_with_text_is_read_and_names_the_pages_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await parsed(tmp_path, pdf_pages([["Words."]]))).pages == (await _as_pdf(tmp_path)).pages
    document = await parsed(tmp_path, scanned_pdf(["Words.", LINES, None, LINES]))
    assert document.pages[0].text == "Words."
    (warning,) = document.warnings
    assert warning.startswith("Pages 2, 4 have no text and were left out.")
    assert INSTALL in warning


async def _as_pdf(folder: Path) -> ParsedDocument:
    from plugins.parser.pdf.provider import PdfOptions, PdfParser

    return await PdfParser(PdfOptions()).parse(folder / "stored")


@pytest.mark.parametrize("tesseract", [True, False])
async def test_what_is_damaged_is_said_to_be_whether_or_not_tesseract_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tesseract: bool
) -> None:
    if tesseract:
        program(tmp_path, monkeypatch, "exit 1")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    whole = picture(drawn(LINES))
    for content in (whole[:2000], whole[:60], b"\x89PNG\r\n\x1a\n" + bytes(500), b"just words", b"%PDF-1.4 no"):
        assert (await refused(tmp_path, content)).failure_code == "corrupt"
    for kind in ("JPEG", "TIFF", "WEBP", "GIF", "BMP"):
        content = picture(drawn(LINES), kind)
        assert (await refused(tmp_path, content[: len(content) // 2])).failure_code == "corrupt", kind
    assert (await refused(tmp_path, pdf_pages([[]]))).failure_code == "no_text"
    damaged = await parsed(tmp_path, with_damaged_pages([["One."], ["Two."]], (2,)))
    assert damaged.warnings == ("Page 2 is damaged and was left out.",)


# -- a tesseract that does not work


async def test_a_page_that_takes_too_long_is_given_up_and_its_process_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 600")
    error = await refused(tmp_path, picture(drawn(LINES)), page_timeout_s=0.5)
    assert error.failure_code == "parse_timeout"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("recognises", ["exit 1", "kill -9 $$", "true", "cat > /dev/null; exit 3"])
async def test_a_tesseract_that_gives_up_fails_the_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recognises: str
) -> None:
    program(tmp_path, monkeypatch, recognises)
    assert (await refused(tmp_path, picture(drawn(LINES)))).failure_code == "parser_failed"


async def test_a_page_that_cannot_be_recognised_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "level page_num block_num par_num line_num word_num left top width height conf text".replace(" ", "\\t")
    page = "1 1 0 0 0 0 0 0 100 200 -1 ".replace(" ", "\\t")
    word = "5 1 1 1 1 1 10 20 30 40 96 Words.".replace(" ", "\\t")
    told = f"printf '{header}\\n{page}\\n{word}\\n'"
    program(tmp_path, monkeypatch, f"cat > /dev/null; mkdir {tmp_path}/once 2>/dev/null && exit 1; {told}")
    document = await parsed(tmp_path, scanned_pdf([LINES, LINES]), parallel=1)
    assert [page.text for page in document.pages] == ["", "Words."]
    assert document.warnings == ("Page 1 could not be recognised and was left out.",)
    assert document.pages[1].words[0].box == Box(0.1, 0.1, 0.4, 0.3)


# -- bombs


def huge_png(width: int, height: int) -> bytes:
    """A picture of zeros that says it is that large, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * min(height, 1000)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000, 2_000_000])
async def test_a_picture_beyond_the_budget_is_refused_before_it_is_unpacked(tmp_path: Path, side: int) -> None:
    error = await refused(tmp_path, huge_png(side, side))
    assert error.failure_code == "too_complex"
    assert "50 million points" in error.message
    with pytest.raises(NotFoundError):
        drawn_pages.render_page(tmp_path / "stored", 1, 1.0, [])


@needs_tesseract
async def test_a_pdf_page_as_large_as_a_house_is_drawn_within_the_budget(tmp_path: Path) -> None:
    content = scanned_pdf([LINES]).replace(b"[ 0 0 595 842 ]", b"[ 0 0 595 99999 ]")
    assert content != scanned_pdf([LINES])
    path = tmp_path / "stored"
    path.write_bytes(content)
    pool = ParserPool(1, ParseLimits())
    try:
        with pytest.raises(DocumentError) as caught:
            await pool.parse(REFERENCE, {"max_pixels": 1_000_000}, path, suffix=".pdf")
    finally:
        await pool.close()
    assert caught.value.failure_code == "no_text"


# -- what a citation opens


def test_a_picture_is_drawn_with_its_marks_and_no_larger_than_it_is(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(picture(drawn(LINES)))
    plain = drawn_pages.render_page(path, 1, 1.0, [])
    marked = drawn_pages.render_page(path, 1, 1.0, [Box(0.5, 0.5, 0.75, 0.6)])
    assert struct.unpack(">II", plain[16:24])[1] == HEIGHT
    assert plain != marked
    assert struct.unpack(">II", drawn_pages.render_page(path, 1, 4.0, [])[16:24]) == drawn(LINES).size
    assert drawn_pages.page_boxes(path, 1, 0, 10) == []
    with pytest.raises(NotFoundError):
        drawn_pages.render_page(path, 2, 1.0, [])


def test_it_takes_pdf_files_and_pictures_and_nothing_else() -> None:
    parser = OcrParser(OcrOptions())
    assert all(parser.supports_mime_type(kind) for kind in (*PICTURES, "application/pdf"))
    assert not any(parser.supports_mime_type(kind) for kind in ("image/svg+xml", "text/plain"))


@pytest.mark.parametrize("language", ["", "../../x", "eng+deu", "-l", "eng deu"])
def test_a_language_is_a_name_and_nothing_that_reaches_further(language: str) -> None:
    with pytest.raises(ValueError, match="languages"):
        OcrOptions(languages=(language,))


def test_a_page_without_words_is_one_like_any_other() -> None:
    assert ParsedPage(1, "x").words == ()
