"""Does a file that misbehaves hurt only itself?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.errors import DocumentError
from core.types import BlockKind
from plugins.parser.sandbox.confinement import keeps_to_its_folder
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from tests.fixtures.documents import pdf_pages
from tests.fixtures.parsers import BEGUN, REFERENCE
from tests.support.waiting import until

LIMITS = ParseLimits(memory_mb=1024, cpu_s=60, wall_s=120)


@asynccontextmanager
async def pool(
    size: int = 1, limits: ParseLimits = LIMITS, *, max_jobs: int = 200, folder: Path | None = None
) -> AsyncIterator[ParserPool]:
    opened = ParserPool(size, limits, max_jobs_per_child=max_jobs, folder=folder)
    try:
        yield opened
    finally:
        await opened.close()


class Reader:
    """Hands orders to the parser of the tests."""

    def __init__(self, parsers: ParserPool, folder: Path) -> None:
        self._parsers = parsers
        self._folder = folder

    async def read(self, order: str, **options: object) -> str:
        path = self._folder / f"{order.replace(' ', '-')}-stored"
        path.write_text(order)
        return (await self._parsers.parse(REFERENCE, options, path, suffix=".txt")).text

    async def read_order(self, order: str) -> str:
        """Of an order that holds a path."""
        path = self._folder / "order"
        path.write_text(order)
        return (await self._parsers.parse(REFERENCE, {}, path, suffix=".txt")).text

    async def failure(self, order: str) -> DocumentError:
        with pytest.raises(DocumentError) as caught:
            await self.read(order)
        return caught.value


async def test_after_whatever_a_file_did_the_next_is_read(tmp_path: Path) -> None:
    async with pool() as parsers:
        reader = Reader(parsers, tmp_path)
        codes = {}
        for order in ("crash", "leave", "eat memory", "give up", "fail", "refuse", "connect", "fetch"):
            error = await reader.failure(order)
            codes[order] = error.failure_code
            assert error.message.endswith(".")
            assert error.next_step.endswith(".")
            assert "secret of the parser" not in str(error)
            assert await reader.read("good") == "good"
    assert codes == {
        "crash": "parser_crashed",
        "leave": "parser_crashed",
        "eat memory": "too_complex",
        "give up": "too_complex",
        "fail": "parser_failed",
        "refuse": "riddle",
        "connect": "parser_failed",
        "fetch": "parser_failed",
    }


async def test_a_file_that_never_ends_is_given_up(tmp_path: Path) -> None:
    async with pool(limits=ParseLimits(memory_mb=1024, cpu_s=60, wall_s=2)) as parsers:
        error = await Reader(parsers, tmp_path).failure("hang")
    assert error.failure_code == "parse_timeout"
    assert "2 seconds" in error.message


async def test_a_file_that_computes_for_ever_is_ended_by_its_share_of_time(tmp_path: Path) -> None:
    async with pool(limits=ParseLimits(memory_mb=1024, cpu_s=1, wall_s=120)) as parsers:
        assert (await Reader(parsers, tmp_path).failure("spin")).failure_code == "too_complex"


async def until_begun(folder: Path) -> Path:
    """Where a hanging parser works."""
    return (await until(lambda: next(folder.rglob(BEGUN), None))).parent


@pytest.mark.parametrize("order", ["hang", "start a program and hang"])
async def test_giving_up_a_file_ends_its_reader_and_all_it_started_and_frees_its_place(
    tmp_path: Path, order: str
) -> None:
    async with pool(folder=tmp_path / "work") as parsers:
        reader = Reader(parsers, tmp_path)
        process = int(await reader.read("pid"))
        hanging = asyncio.create_task(reader.read(order))
        place = await until_begun(tmp_path / "work")
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        # A process that was killed takes a moment to go.
        await until(lambda: session_of(process) == [])
        assert not place.exists()
        assert await reader.read("good") == "good"


def session_of(leader: int) -> list[str]:
    """Processes of the session that a reader led; those that await nothing but their burial by init do not count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(leader) and (fields[0] != "Z" or fields[1] == str(os.getpid())):
            found.append(entry.parent.name)
    return found


async def test_one_reader_serves_many_files_and_is_replaced_in_time(tmp_path: Path) -> None:
    async with pool(max_jobs=2) as parsers:
        reader = Reader(parsers, tmp_path)
        processes = [await reader.read("pid") for _ in range(4)]
    assert processes[0] == processes[1] != processes[2] == processes[3]


async def test_a_reader_that_ran_out_of_memory_is_not_used_again(tmp_path: Path) -> None:
    async with pool() as parsers:
        reader = Reader(parsers, tmp_path)
        before = await reader.read("pid")
        await reader.failure("eat memory")
        assert await reader.read("pid") != before


async def test_closing_leaves_no_reader_behind(tmp_path: Path) -> None:
    async with pool(size=2) as parsers:
        reader = Reader(parsers, tmp_path)
        processes = [int(pid) for pid in await asyncio.gather(reader.read("pid"), reader.read("pid"))]
    assert len(set(processes)) == 2
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


async def test_a_reader_knows_none_of_our_secrets_and_no_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("FOUNDRY__database__password", "secret")
    async with pool() as parsers:
        reader = Reader(parsers, tmp_path)
        assert {
            name for name in (await reader.read("environment")).splitlines() if "KEY" in name or "FOUNDRY" in name
        } == (set())
        assert await reader.read("name") == "document.txt"


async def test_options_reach_the_parser(tmp_path: Path) -> None:
    async with pool() as parsers:
        reader = Reader(parsers, tmp_path)
        assert await reader.read("good", greeting="very ") == "very good"
        assert await reader.read("good") == "good"
        with pytest.raises(DocumentError) as caught:
            await reader.read("good", unknown=1)
    assert caught.value.failure_code == "parser_failed"


async def test_a_real_document_arrives_with_its_structure(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pdf_pages([["First page."], ["Second page."]]))
    (tmp_path / "b").write_text("# Title\n\nText with \x00 in it.")
    async with pool() as parsers:
        pages = await parsers.parse("plugins.parser.pdf:PdfParser", {}, tmp_path / "a", suffix=".pdf")
        text = await parsers.parse("plugins.parser.text:TextParser", {}, tmp_path / "b", suffix=".md")
    assert pages.paged
    assert [page.text for page in pages.pages] == ["First page.", "Second page."]
    assert not text.paged
    assert [block.kind for block in text.pages[0].blocks] == [BlockKind.HEADING, BlockKind.TEXT]
    assert "\x00" not in text.text


async def test_more_text_than_a_document_has_is_refused_and_the_reader_goes_on(tmp_path: Path) -> None:
    async with pool(limits=ParseLimits(memory_mb=1024, max_characters=1_000)) as parsers:
        reader = Reader(parsers, tmp_path)
        process = await reader.read("pid")
        error = await reader.failure("talk")
        assert (error.failure_code, "1,000 characters" in error.message) == ("too_complex", True)
        assert await reader.read("pid") == process


async def test_never_are_there_more_readers_than_allowed(tmp_path: Path) -> None:
    async with pool(size=2) as parsers:
        reader = Reader(parsers, tmp_path)
        processes = await asyncio.gather(*(reader.read("pid") for _ in range(8)))
    assert len(set(processes)) == 2


async def test_open_files_are_bounded(tmp_path: Path) -> None:
    async with pool() as parsers:
        assert (await Reader(parsers, tmp_path).failure("open many files")).failure_code == "parser_failed"


async def test_what_a_parser_leaves_is_gone_with_its_file_and_its_folder_with_the_pool(tmp_path: Path) -> None:
    work = tmp_path / "work"
    async with pool(folder=work) as parsers:
        reader = Reader(parsers, tmp_path)
        place = Path(await reader.read("leave files"))
        assert place.is_relative_to(work)
        (own,) = work.glob("pool-*/reader-*")
        assert (work.stat().st_mode & 0o777, own.stat().st_mode & 0o777) == (0o700, 0o700)
        assert list(own.iterdir()) == []
        await reader.failure("crash")
        assert list(work.glob("pool-*/reader-*")) == []
    assert list(work.iterdir()) == []


async def test_what_a_killed_pool_left_is_removed_by_the_next_and_a_living_one_is_spared(tmp_path: Path) -> None:
    work = tmp_path / "work"
    abandoned = work / "pool-dead" / "reader-1"
    abandoned.mkdir(parents=True)
    (work / "pool-dead" / ".lock").touch()
    async with pool(folder=work) as one:
        await Reader(one, tmp_path).read("good")
        assert not abandoned.exists()
        async with pool(folder=work) as other:
            await Reader(other, tmp_path).read("good")
            assert await Reader(one, tmp_path).read("good") == "good"
    assert list(work.iterdir()) == []


async def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "theirs")
    async with pool(folder=tmp_path / "work") as parsers:
        with pytest.raises(PermissionError, match="set TMPDIR"):
            await Reader(parsers, tmp_path).read("good")


async def test_native_code_gets_no_socket_either(tmp_path: Path) -> None:
    async with pool() as parsers:
        assert await Reader(parsers, tmp_path).read("native socket") == "-1 -1"


@pytest.mark.skipif(not keeps_to_its_folder(), reason="this kernel has no Landlock (Linux 5.13)")
async def test_a_reader_sees_no_file_outside_its_folder_but_programs_and_libraries(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of somebody else")
    async with pool() as parsers:
        reader = Reader(parsers, tmp_path)
        orders = (
            f"read {secret}", f"write {secret}", f"list {tmp_path}", "read /etc/passwd",
            f"read /proc/{os.getpid()}/environ", f"write {Path.home() / 'x'}", f"list {Path.cwd()}",
            "write /tmp/written-by-a-parser",
        )  # fmt: skip
        assert {order: await reader.read_order(order) for order in orders} == dict.fromkeys(orders, "PermissionError")
    assert secret.read_text() == "of somebody else"
