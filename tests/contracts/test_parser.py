"""Does every parser keep the contract, for every type of file, in the limited child as in production?"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from core.errors import DocumentError
from core.security.content_type import SUFFIXES, detect
from core.types import ParsedDocument, PluginStatus
from plugins.interfaces import DocumentParser, Plugin
from plugins.parser.langchain import LangChainParser
from plugins.parser.ocr import OcrParser
from plugins.parser.ocr.tesseract import INSTALL as GET_TESSERACT
from plugins.parser.pdf import PdfParser
from plugins.parser.readers.legacy import INSTALL as GET_LIBREOFFICE
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.text import TextParser
from plugins.parser.unstructured import UnstructuredParser
from tests.fixtures.documents import pdf_pages
from tests.fixtures.office import as_old_office, said_in
from tests.fixtures.pictures import drawn, picture, scanned_pdf

pytestmark = pytest.mark.asyncio(loop_scope="module")
WORDS = "The relief valve opens at six bar and closes again."
STRANGE = "Größe naïve 水 עברית 😀 ∑"
LOADER = {"reference": "langchain_community.document_loaders:TextLoader", "kwargs": {"encoding": "utf-8"}}


@dataclass(frozen=True)
class Case:
    """One parser and one type it reads.

    Attributes:
        make: A file that says the text.
        strange: Words outside ASCII, as far as the way the file is made knows them.
        many: Sentences of a large file.
        program: What has to be on the PATH, and how it gets there.
        lead: Words that such a file has before the text, such as the name of a sheet.
        cut_is_text: Half of such a file is one too.
    """

    parser: type[DocumentParser]
    suffix: str
    make: Callable[[str], bytes]
    options: dict[str, object] = field(default_factory=dict)
    strange: str = STRANGE
    many: int = 5_000
    program: tuple[str, str] = ("", "")
    lead: int = 0
    cut_is_text: bool = False

    @property
    def reference(self) -> str:
        return f"{self.parser.__module__}:{self.parser.__name__}"


def _old_office(suffix: str, folder: Path) -> Callable[[str], bytes]:
    def make(text: str) -> bytes:
        place = folder / f"{abs(hash(text))}"
        place.mkdir(exist_ok=True)
        return as_old_office(said_in(f"{suffix}x", text), suffix, place)

    return make


def _unstructured(suffix: str) -> Case:
    # A cell of a workbook holds at most 32,767 characters.
    many, lead = (500, 1) if suffix in (".xls", ".xlsx") else (5_000, 0)
    cut_is_text = suffix in (".html", ".eml", ".csv", ".tsv", ".org", ".rst", ".rtf")
    make = partial(said_in, suffix)
    return Case(UnstructuredParser, suffix, make, many=many, lead=lead, cut_is_text=cut_is_text)


def _lines(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[start : start + 10]) for start in range(0, len(words), 10)]


def _pages(text: str) -> list[list[str]]:
    lines = _lines(text)
    return [lines[start : start + 30] for start in range(0, max(len(lines), 1), 30)]


TESSERACT = ("tesseract", GET_TESSERACT)
SOFFICE = ("soffice", GET_LIBREOFFICE)
OFFICE = (".docx", ".pptx", ".xlsx", ".xls", ".html", ".eml", ".msg", ".epub", ".odt", ".rtf", ".csv", ".tsv", ".org")
CASES = {
    "pdf": Case(PdfParser, ".pdf", lambda text: pdf_pages(_pages(text)), strange="Größe naïve"),
    "text": Case(TextParser, ".txt", str.encode, cut_is_text=True),
    "text markdown": Case(TextParser, ".md", str.encode, cut_is_text=True),
    **{f"unstructured {suffix[1:]}": _unstructured(suffix) for suffix in (*OFFICE, ".rst", ".xml")},
    "ocr pdf": Case(
        OcrParser, ".pdf", lambda text: scanned_pdf(_pages(text)), strange="Size", many=60, program=TESSERACT
    ),
    "ocr png": Case(
        OcrParser, ".png", lambda text: picture(drawn(_lines(text))), strange="Size", many=25, program=TESSERACT
    ),
    "langchain": Case(
        LangChainParser, ".txt", str.encode, {**LOADER, "mime_types": ["text/plain"]}, cut_is_text=True
    ),
}  # fmt: skip
OLD = ("unstructured doc", "unstructured ppt")


@pytest.fixture(params=[*CASES, *OLD])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """Each parser with each of its types; without the program behind it the reason for skipping is printed."""
    found = CASES.get(request.param)
    if found is None:
        suffix = f".{request.param.split()[1]}"
        found = Case(UnstructuredParser, suffix, _old_office(suffix, tmp_path), many=50, program=SOFFICE)
    program, install = found.program
    if program and shutil.which(program) is None:
        pytest.skip(f"no {program} on the PATH: {install}")
    return found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[ParserPool]:
    """One child for all of them, so that each reads after what the others left."""
    pool = ParserPool(1, ParseLimits(memory_mb=2048, cpu_s=120, wall_s=180))
    try:
        yield pool
    finally:
        await pool.close()


async def read(pool: ParserPool, case: Case, folder: Path, content: bytes) -> ParsedDocument:
    path = folder / "stored"
    path.write_bytes(content)
    return await pool.parse(case.reference, case.options, path, suffix=case.suffix)


async def outcome(pool: ParserPool, case: Case, folder: Path, content: bytes) -> str:
    """The code of the failure, ``read`` without one. A failure says what happened and what to do."""
    try:
        document = await read(pool, case, folder, content)
    except DocumentError as error:
        return _said(error)
    assert document.text.strip(), "a file with bytes but without text is an error, never an empty result"
    return "read"


def _said(error: DocumentError) -> str:
    assert error.message.endswith(".")
    assert error.next_step.endswith(".")
    assert "Traceback" not in str(error)
    return error.failure_code


def words(document: ParsedDocument, case: Case) -> list[str]:
    return document.text.split()[case.lead :]


async def test_a_file_is_recognised_and_says_what_was_written_in_it(
    pool: ParserPool, case: Case, tmp_path: Path
) -> None:
    content = case.make(WORDS)
    document = await read(pool, case, tmp_path, content)
    assert " ".join(words(document, case)) == WORDS
    mime_type = detect(tmp_path / "stored", f"named{case.suffix}")
    assert SUFFIXES[mime_type] == case.suffix
    assert case.parser(case.parser.Options.model_validate(case.options)).supports_mime_type(mime_type)  # type: ignore[attr-defined,call-arg]
    assert await read(pool, case, tmp_path, content) == document


async def test_blocks_and_words_lie_on_their_page_in_order(pool: ParserPool, case: Case, tmp_path: Path) -> None:
    document = await read(pool, case, tmp_path, case.make(WORDS))
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    for page in document.pages:
        for spans in (page.blocks, page.words):
            position = 0
            for span in spans:
                assert position <= span.start < span.end <= len(page.text)
                assert not page.text[position : span.start].strip()
                position = span.end
            assert not spans or not page.text[position:].strip()


async def test_words_of_every_script_arrive(pool: ParserPool, case: Case, tmp_path: Path) -> None:
    text = " ".join(words(await read(pool, case, tmp_path, case.make(f"Before {case.strange} after")), case))
    assert case.strange in text


async def test_a_file_without_words_is_no_text_and_one_without_bytes_is_refused(
    pool: ParserPool, case: Case, tmp_path: Path
) -> None:
    assert await outcome(pool, case, tmp_path, case.make(" ")) == "no_text"
    assert await outcome(pool, case, tmp_path, b"") in ("no_text", "corrupt", "empty", "parser_failed")


async def test_a_large_file_arrives_whole(pool: ParserPool, case: Case, tmp_path: Path) -> None:
    sentences = [f"Sentence {number} says that the pump runs." for number in range(case.many)]
    text = " ".join(sentences)
    found = words(await read(pool, case, tmp_path, case.make(text)), case)
    if case.parser is OcrParser:
        # Recognition may take a letter for another, but it loses no line.
        assert abs(len(found) - len(text.split())) <= 3
    else:
        assert found == text.split()


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
async def test_a_file_that_was_cut_off_is_refused_or_read_as_far_as_it_goes(
    pool: ParserPool, case: Case, tmp_path: Path, share: float
) -> None:
    content = case.make(WORDS)
    found = await outcome(pool, case, tmp_path, content[: max(int(len(content) * share), 1)])
    allowed = {
        "corrupt",
        "no_text",
        "parser_failed",
        "not_text",
        "too_complex",
        *(["read"] if case.cut_is_text else []),
    }
    # The last bytes of old Office files are padding, those of a PDF can be made good again.
    if share > 0.9 and case.suffix in (".pdf", ".doc", ".ppt", ".xls", ".msg"):
        allowed.add("read")
    assert found in allowed


async def test_a_file_of_another_type_is_refused_or_read_and_brings_nobody_down(
    pool: ParserPool, case: Case, tmp_path: Path
) -> None:
    others = {
        "zip": said_in(".odt", WORDS),
        "picture": picture(drawn(["x"])),
        "pdf": pdf_pages([["A page."]])[:700],
        "bytes": bytes(range(256)) * 50,
        "text": WORDS.encode(),
        "old office": said_in(".xls", WORDS),
    }
    for name, content in others.items():
        found = await outcome(pool, case, tmp_path, content)
        assert found not in ("parser_crashed", "parse_timeout", "internal"), name
    # Whatever it was, the next file is read.
    assert await outcome(pool, case, tmp_path, case.make(WORDS)) == "read"


async def test_it_says_how_it_is_and_may_be_closed_twice(case: Case) -> None:
    parser = case.parser(case.parser.Options.model_validate(case.options))  # type: ignore[attr-defined,call-arg]
    assert isinstance(parser, Plugin)
    assert not parser.supports_mime_type("application/x-unheard-of")
    assert not parser.supports_mime_type("")
    assert (await parser.health_check()).status in PluginStatus
    await parser.close()
    await parser.close()
