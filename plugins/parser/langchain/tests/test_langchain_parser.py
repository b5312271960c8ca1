"""Does any document loader of LangChain read files, and is everything that goes wrong in it said in our words?"""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path

import pytest

from core.errors import DocumentError
from core.types import ParsedDocument, PluginStatus
from plugins.parser.langchain.provider import LangChainParser, LangChainParserOptions
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from tests.fixtures.documents import pdf_pages

REFERENCE = "plugins.parser.langchain:LangChainParser"
COMMUNITY = "langchain_community.document_loaders"
OURS = {"modules": ["tests.fixtures.loaders"], "mime_types": ["text/plain"]}


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """The package warns while it is imported; what our code does afterwards must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import langchain_community.document_loaders  # noqa: F401


def parser(loader: str, **options: object) -> LangChainParser:
    reference = loader if ":" in loader else f"tests.fixtures.loaders:{loader}"
    return LangChainParser(LangChainParserOptions.model_validate({"reference": reference, **OURS, **options}))


async def parsed(folder: Path, content: bytes, loader: str, **options: object) -> ParsedDocument:
    path = folder / "document.txt"
    path.write_bytes(content)
    return await parser(loader, **options).parse(path)


async def refused(folder: Path, content: bytes, loader: str, **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        await parsed(folder, content, loader, **options)
    assert caught.value.next_step.endswith(".")
    return caught.value


@pytest.mark.parametrize(("key", "first"), [("page", 0), ("page_number", 1)])
async def test_page_numbers_count_from_one_whatever_the_loader_counts_from(
    tmp_path: Path, key: str, first: int
) -> None:
    kwargs = {"key": key, "first": first}
    document = await parsed(tmp_path, b"# One\n\nWords.\fTwo", "PagesLoader", kwargs=kwargs)
    assert [(page.number, page.text) for page in document.pages] == [(1, "# One\n\nWords."), (2, "Two")]
    assert document.paged
    assert document.pages[0].blocks[0].level == 1


@pytest.mark.parametrize(("key", "first"), [("row", 0), ("page", -5), ("page_number", 0)])
async def test_documents_without_usable_numbers_are_one_text(tmp_path: Path, key: str, first: int) -> None:
    document = await parsed(tmp_path, b"One\fTwo", "PagesLoader", kwargs={"key": key, "first": first})
    assert document.text.split() == ["One", "Two"]
    assert [page.number for page in document.pages] == [1]


async def test_loaders_of_langchain_read_in_the_limited_child(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    pool = ParserPool(1, ParseLimits())
    try:
        path.write_text("Größe 水 😀", "utf-8")
        options = {
            "reference": f"{COMMUNITY}:TextLoader",
            "kwargs": {"encoding": "utf-8"},
            "mime_types": ["text/plain"],
        }
        assert (await pool.parse(REFERENCE, options, path, suffix=".txt")).text == "Größe 水 😀"
        path.write_text("Part,Price\nPump,40\n", "utf-8")
        options = {"reference": f"{COMMUNITY}:CSVLoader", "mime_types": ["text/csv"]}
        table = await pool.parse(REFERENCE, options, path, suffix=".csv")
        assert (table.text, table.paged) == ("Part: Pump\nPrice: 40", False)
        path.write_bytes(pdf_pages([["First page."], ["Second page."]]))
        options = {"reference": f"{COMMUNITY}:PyPDFium2Loader", "mime_types": ["application/pdf"]}
        pages = (await pool.parse(REFERENCE, options, path, suffix=".pdf")).pages
        assert [(page.number, page.text) for page in pages] == [(1, "First page."), (2, "Second page.")]
    finally:
        await pool.close()


async def test_a_loader_has_no_network(tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nwords from outside")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    pool = ParserPool(1, ParseLimits())
    try:
        # Nothing but the child keeps it from asking.
        here = await parsed(tmp_path, b"x", "FetchingLoader", kwargs={"address": address})
        assert (here.text, len(asked)) == ("words from outside", 1)
        options = {**OURS, "reference": "tests.fixtures.loaders:FetchingLoader", "kwargs": {"address": address}}
        with pytest.raises(DocumentError):
            await pool.parse(REFERENCE, options, tmp_path / "document.txt", suffix=".txt")
        assert len(asked) == 1
    finally:
        await pool.close()
        server.close()
        await server.wait_closed()


async def test_the_argument_of_the_path_has_the_name_the_class_gives_it(tmp_path: Path) -> None:
    assert (await parsed(tmp_path, b"words", "FolderLoader", path_argument="path")).text == "words"
    error = await refused(tmp_path, b"words", "FolderLoader")
    assert error.failure_code == "parser_misconfigured"
    assert "path_argument is file_path" in error.message


@pytest.mark.parametrize(
    ("loader", "options", "said"),
    [
        ("LackingLoader", {}, "pip install absent"),
        ("NoLoader", {}, "not a kind of LangChain's BaseLoader"),
        ("AbsentLoader", {}, "has no class AbsentLoader"),
        ("os:system", {}, "allowed: classes of tests.fixtures.loaders"),
        ("tests.fixtures.loaders_of_others:Loader", {}, "allowed: classes of"),
        ("langchain_docling:DoclingLoader", {"modules": ["langchain_docling"]}, "pip install langchain-docling"),
        ("PagesLoader", {"secret_kwargs": {"wrong": "hunter2"}}, "does not take its arguments"),
    ],
)
async def test_a_class_that_is_not_to_be_had_is_said_to_be_a_matter_of_the_settings(
    tmp_path: Path, loader: str, options: dict[str, object], said: str
) -> None:
    error = await refused(tmp_path, b"words", loader, **options)
    assert error.failure_code == "parser_misconfigured"
    assert said in error.message
    assert "hunter2" not in error.message


async def test_a_loader_that_fails_is_a_damaged_file_without_its_words(tmp_path: Path) -> None:
    error = await refused(tmp_path, b"words", "RaisingLoader")
    assert error.failure_code == "corrupt"
    assert "secret" not in str(error)
    assert (await refused(tmp_path, b"\xff\xfe\xfa", "PagesLoader")).failure_code == "corrupt"


async def test_too_much_and_nothing_are_refused(tmp_path: Path) -> None:
    assert (await refused(tmp_path, b"x" * 11, "PagesLoader", max_characters=10)).failure_code == "too_complex"
    assert (await refused(tmp_path, b" \f\n", "PagesLoader")).failure_code == "no_text"


async def test_its_health_is_whether_the_class_can_be_had() -> None:
    assert (await parser("PagesLoader").health_check()).status is PluginStatus.HEALTHY
    health = await parser("NoLoader").health_check()
    assert health.status is PluginStatus.BROKEN
    assert "BaseLoader" in health.detail


def test_it_reads_the_types_it_was_told() -> None:
    told = parser("PagesLoader", mime_types=["text/csv"])
    assert told.supports_mime_type("text/csv")
    assert not told.supports_mime_type("text/plain")
    with pytest.raises(ValueError, match="mime_types"):
        parser("PagesLoader", mime_types=[])
