"""Does the parser know every type, and does no file bring it down?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from core.errors import DocumentError
from core.security.content_type import SUFFIXES, detect
from core.types import BlockKind
from plugins.parser.readers.tests.reading import blocks, parsed
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.unstructured.provider import BY_SUFFIX
from tests.fixtures.compound import compound_file
from tests.fixtures.office import epub, odt, packed, rtf, said_in


async def test_rich_text_keeps_paragraphs_tables_and_every_character(tmp_path: Path) -> None:
    table = "\\trowd\\cellx100\\cellx200 Part\\cell Price\\cell\\row Pump\\cell 40\\cell\\row "
    content = rtf("Die Wärmepumpe läuft, 水 😀 {really}.", "TABLE").replace(b"TABLE", table.encode())
    document = await parsed(tmp_path, ".rtf", content)
    assert blocks(document) == [
        (BlockKind.TEXT, 0, "Die Wärmepumpe läuft, 水 😀 {really}."),
        (BlockKind.TABLE, 0, "| Part | Price |\n|---|---|\n| Pump | 40 |"),
    ]
    assert document.warnings == ()


async def test_rich_text_that_ends_in_the_middle_is_read_with_a_warning(tmp_path: Path) -> None:
    document = await parsed(tmp_path, ".rtf", rtf("First words.", "Second words.")[:-10])
    assert document.text.startswith("First words.")
    assert [warning.split(";")[0] for warning in document.warnings] == ["The file ends in the middle"]


async def test_an_old_workbook_shows_dates_truth_and_sheets(tmp_path: Path) -> None:
    from xlwt import Workbook, easyxf

    made = Workbook()
    sheet = made.add_sheet("Preise")
    for line, row in enumerate((("Part", "Price", "Stock"), ("Pump", 40.5, True))):
        for column, value in enumerate(row):
            sheet.write(line, column, value)
    made.add_sheet("Dates").write(0, 0, datetime(2026, 3, 1), easyxf(num_format_str="YYYY-MM-DD"))
    path = tmp_path / "made.xls"
    made.save(str(path))
    document = await parsed(tmp_path, ".xls", path.read_bytes())
    assert [page.label for page in document.pages] == ["sheet Preise", "sheet Dates"]
    assert blocks(document)[1] == (
        BlockKind.RECORDS,
        0,
        "| Part: Pump | Price: 40.5 | Stock: True |",
    )
    assert "2026-03-01" in document.pages[1].text


ENTITIES = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'

OUTSIDE = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'

DEPTH = 200_000

HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "entities xml": (".xml", lambda: f"{ENTITIES}<d>&b;</d>".encode()),
    "outside xml": (".xml", lambda: f"{OUTSIDE}<d>&x;</d>".encode()),
    "entities odt": (".odt", lambda: odt("<text:p>&b;</text:p>", head=ENTITIES)),
    "outside odt": (".odt", lambda: odt("<text:p>&x;</text:p>", head=OUTSIDE)),
    "deep xml": (".xml", lambda: b"<d>" * DEPTH + b"words" + b"</d>" * DEPTH),
    "deep odt": (".odt", lambda: odt("<text:section>" * DEPTH + "words" + "</text:section>" * DEPTH)),
    "deep rtf": (".rtf", lambda: b"{\\rtf1 " + b"{" * DEPTH + b"words" + b"}" * DEPTH + b"}"),
    "cut xml": (".xml", lambda: said_in(".xml", "words")[:-5]),
    "cut epub": (".epub", lambda: epub(["<p>words</p>"])[:-60]),
    "book of nothing": (".epub", lambda: packed("application/epub+zip", {"a": "b"})),
    "book that leaves": (".epub", lambda: epub(["<img src='file:///etc/passwd'/>"], folder="../../../etc/")),
    "cut msg": (".msg", lambda: said_in(".msg", "words")[:1500]),
    "msg of nothing": (".msg", lambda: compound_file({"__properties_version1.0": b"x"})),
    "cut xls": (".xls", lambda: said_in(".xls", "words")[:2000]),
    "xls of nothing": (".xls", lambda: compound_file({"Workbook": bytes(range(256)) * 20})),
    "no rtf": (".rtf", lambda: b"just words"),
}  # fmt: skip


async def test_a_hostile_file_is_refused_in_words_and_the_next_one_is_read(tmp_path: Path) -> None:
    outcomes: dict[str, str] = {}
    pool = ParserPool(1, ParseLimits(memory_mb=2048, cpu_s=60, wall_s=120))
    try:
        for name, (suffix, make) in HOSTILE.items():
            path = tmp_path / name.replace(" ", "-")
            path.write_bytes(make())
            try:
                document = await pool.parse(REFERENCE, {}, path, suffix=suffix)
            except DocumentError as error:
                outcomes[name] = error.failure_code
            else:
                outcomes[name] = "read"
                assert "root:" not in document.text
        path = tmp_path / "good"
        path.write_bytes(said_in(".xml", "good words"))
        assert (await pool.parse(REFERENCE, {}, path, suffix=".xml")).text == "good words"
    finally:
        await pool.close()
    assert outcomes.pop("deep rtf") == "read"
    assert set(outcomes.values()) <= {"corrupt", "too_complex", "no_text", "parser_crashed"}, outcomes
    assert {outcomes["outside xml"], outcomes["entities xml"], outcomes["outside odt"]} == {"corrupt"}


@pytest.mark.parametrize("suffix", [ending for ending in BY_SUFFIX if ending not in (".doc", ".ppt", ".htm")])
async def test_every_type_is_recognised_by_its_content_or_its_name_and_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "stored"
    path.write_bytes(said_in(suffix, "Größe 水 😀"))
    mime_type = detect(path, f"named{suffix}")
    assert (SUFFIXES[mime_type], mime_type) == (suffix, BY_SUFFIX[suffix])
    assert "Größe 水 😀" in (await parsed(tmp_path, suffix, path.read_bytes())).text


REFERENCE = "plugins.parser.unstructured:UnstructuredParser"
