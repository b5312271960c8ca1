"""Do books, OpenDocument, rich text, Outlook's mails, old Office files and marked-up texts keep their structure?"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import olefile
import pytest

from core.errors import DocumentError
from core.security.content_type import SUFFIXES, detect
from core.types import BlockKind, ParsedDocument
from plugins.parser.readers import legacy
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.unstructured.provider import BY_SUFFIX, UnstructuredOptions, UnstructuredParser
from tests.fixtures.compound import compound_file, outlook_mail
from tests.fixtures.office import ODP, ODS, as_old_office, epub, odt, old_workbook, open_document, packed, rtf, said_in

REFERENCE = "plugins.parser.unstructured:UnstructuredParser"
SENT = datetime(2025, 10, 6, 7, 15, tzinfo=UTC)
needs_libreoffice = pytest.mark.skipif(shutil.which("soffice") is None, reason=f"no soffice: {legacy.INSTALL}")
Found = list[tuple[BlockKind, int, str]]


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """The libraries warn while they are imported; what our code does afterwards must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import spacy  # noqa: F401
        import unstructured.partition.docx
        import unstructured.partition.html  # noqa: F401


async def parsed(folder: Path, suffix: str, content: bytes, **options: object) -> ParsedDocument:
    path = folder / f"document{suffix}"
    path.write_bytes(content)
    return await UnstructuredParser(UnstructuredOptions.model_validate(options)).parse(path)


async def failure(folder: Path, suffix: str, content: bytes, **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        await parsed(folder, suffix, content, **options)
    assert caught.value.message.endswith(".")
    return caught.value


def blocks(document: ParsedDocument, page: int = 0) -> Found:
    text = document.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in document.pages[page].blocks]


async def test_an_opendocument_text_keeps_its_structure_and_drops_what_was_deleted(tmp_path: Path) -> None:
    document = await parsed(
        tmp_path,
        ".odt",
        odt(
            "<text:tracked-changes><text:changed-region><text:p>deleted words</text:p></text:changed-region>"
            "</text:tracked-changes>"
            '<text:h text:outline-level="2">Valves<office:annotation><text:p>remark</text:p>'
            "</office:annotation></text:h>"
            '<text:p>The <text:span>valve</text:span> opens<text:s text:c="2"/>at 6 bar<text:note><text:note-citation>1'
            "</text:note-citation><text:note-body><text:p>measured cold</text:p></text:note-body></text:note>.</text:p>"
            "<text:list><text:list-item><text:p>One</text:p></text:list-item>"
            "<text:list-item><text:p>Two</text:p></text:list-item></text:list>"
            "<table:table><table:table-row><table:table-cell><text:p>Part</text:p></table:table-cell>"
            "<table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row>"
            "<table:table-row><table:table-cell><text:p>Pump</text:p></table:table-cell>"
            "<table:table-cell><text:p>40</text:p></table:table-cell>"
            '<table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table>'
        ),
    )
    assert blocks(document) == [
        (BlockKind.HEADING, 2, "Valves"),
        (BlockKind.TEXT, 0, "The valve opens at 6 bar (measured cold)."),
        (BlockKind.LIST, 0, "- One"),
        (BlockKind.LIST, 0, "- Two"),
        (BlockKind.TABLE, 0, "| Part | Price |\n|---|---|\n| Pump | 40 |"),
    ]
    assert not document.paged


async def test_an_opendocument_with_a_password_says_so(tmp_path: Path) -> None:
    manifest = (
        '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:file-entry><m:encryption-data/>'
        "</m:file-entry></m:manifest>"
    )
    content = packed(BY_SUFFIX[".odt"], {"META-INF/manifest.xml": manifest, "content.xml": "gibberish"})
    assert (await failure(tmp_path, ".odt", content)).failure_code == "encrypted"


async def test_a_book_is_read_part_by_part_in_the_order_of_reading(tmp_path: Path) -> None:
    chapters = ["<h1>Beginning</h1><p>It was raining in Köln.</p>", "<h1>End</h1><p>It&nbsp;stopped at noon.</p>"]
    document = await parsed(tmp_path, ".epub", epub(chapters))
    assert [page.number for page in document.pages] == [1, 2]
    assert blocks(document)[0] == (BlockKind.HEADING, 1, "Beginning")
    assert "It was raining in Köln." in document.pages[0].text
    assert "stopped at noon." in document.pages[1].text
    assert not document.paged


async def test_a_book_without_a_folder_and_with_parts_that_are_not_there_is_read(tmp_path: Path) -> None:
    whole = epub(["<p>Only this.</p>"], folder="")
    assert (await parsed(tmp_path, ".epub", whole)).text == "Only this."


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


async def test_a_mail_of_outlook_keeps_who_wrote_to_whom_and_when(tmp_path: Path) -> None:
    content = outlook_mail(
        "Störung Kessel 3",
        "The boiler stopped.\r\n\r\nIt runs again.",
        sender=("Maria Weber", "maria@alpha.example"),
        to={"Team": "team@alpha.example"},
        sent=SENT,
    )
    assert blocks(await parsed(tmp_path, ".msg", content)) == [
        (BlockKind.HEADING, 1, "Störung Kessel 3"),
        (
            BlockKind.TEXT,
            0,
            'From: "Maria Weber" <maria@alpha.example>\nTo: Team <team@alpha.example>\nDate: 2025-10-06 07:15 UTC',
        ),
        (BlockKind.TEXT, 0, "The boiler stopped."),
        (BlockKind.TEXT, 0, "It runs again."),
    ]


async def test_a_mail_of_outlook_that_is_only_a_web_page_is_read_as_one(tmp_path: Path) -> None:
    content = outlook_mail("", "", html="<p>Call <b>4711</b> for help.</p><script>no()</script>", sent=SENT)
    document = await parsed(tmp_path, ".msg", content)
    assert "Call 4711 for help." in document.text
    assert "no()" not in document.text


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


async def test_rows_beyond_the_limit_are_refused_in_every_kind_of_table(tmp_path: Path) -> None:
    rows = [["a", "b"]] * 6
    cells = "<table:table-cell><text:p>a</text:p></table:table-cell>" * 2
    for suffix, content in {
        ".xls": old_workbook({"S": rows}),
        ".csv": b"a,b\n" * 6,
        ".tsv": b"a\tb\n" * 6,
        ".odt": odt(f"<table:table>{f'<table:table-row>{cells}</table:table-row>' * 6}</table:table>"),
    }.items():
        assert (await failure(tmp_path, suffix, content, max_cells=11)).failure_code == "too_complex"
        assert (await parsed(tmp_path, suffix, content, max_cells=12)).text


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", 'Part,Price\n"Pump, large",40\n'),
        (".csv", 'Part;Price\n"Pump, large";40\n'),
        (".csv", "Part|Price\r\nPump, large|40\r\n"),
        (".csv", "Part\tPrice\nPump, large\t40\n"),
        (".tsv", 'Part\tPrice\n"Pump,\nlarge"\t40\n'),
    ],
)
async def test_rows_between_separators_are_a_table(tmp_path: Path, suffix: str, content: str) -> None:
    document = await parsed(tmp_path, suffix, content.encode())
    assert blocks(document) == [(BlockKind.RECORDS, 0, "| Part: Pump, large | Price: 40 |")]


async def test_a_title_above_the_rows_is_no_row(tmp_path: Path) -> None:
    document = await parsed(tmp_path, ".csv", b"Prices of 2026,\n\nPart,Price\nPump,40\n,50\n")
    assert blocks(document) == [
        (BlockKind.TEXT, 0, "Prices of 2026"),
        (BlockKind.RECORDS, 0, "| Part: Pump | Price: 40 |\n| Price: 50 |"),
    ]


async def test_lines_without_separators_are_lines(tmp_path: Path) -> None:
    assert blocks(await parsed(tmp_path, ".csv", "Köln\nBonn\n".encode("utf-16"))) == [
        (BlockKind.TEXT, 0, "Köln\nBonn")
    ]


ORG = """\
#+TITLE: Handbook
# a comment
* TODO [#A] Valves :plant:safety:
:PROPERTIES:
:ID: 4711
:END:
SCHEDULED: <2026-01-01>
The valve opens
at 6 bar.

- One
- Two
** Code
#+BEGIN_SRC python
* no heading
#+END_SRC
| Part | Price |
|------+-------|
| Pump | 40 |
"""
RST = """\
========
Handbook
========

Valves
======

The *valve* opens
at 6 bar. Like this::

    open --valve

- One
- Two

Details
-------

.. note:: Never when hot.
.. image:: secret.png
.. include:: /etc/passwd
.. comment
.. code-block:: python
   :linenos:

   run()

+------+-------+
| Part | Price |
+======+=======+
| Pump | 40    |
+------+-------+
"""
TABLE = "| Part | Price |\n|---|---|\n| Pump | 40 |"


async def test_org_keeps_headings_lists_tables_and_code(tmp_path: Path) -> None:
    assert blocks(await parsed(tmp_path, ".org", ORG.encode())) == [
        (BlockKind.HEADING, 1, "Handbook"),
        (BlockKind.HEADING, 1, "Valves"),
        (BlockKind.TEXT, 0, "The valve opens\nat 6 bar."),
        (BlockKind.LIST, 0, "- One\n- Two"),
        (BlockKind.HEADING, 2, "Code"),
        (BlockKind.CODE, 0, "* no heading"),
        (BlockKind.TABLE, 0, TABLE),
    ]


async def test_restructuredtext_keeps_headings_lists_tables_and_code_and_reads_no_other_file(tmp_path: Path) -> None:
    assert blocks(await parsed(tmp_path, ".rst", RST.encode())) == [
        (BlockKind.HEADING, 1, "Handbook"),
        (BlockKind.HEADING, 2, "Valves"),
        (BlockKind.TEXT, 0, "The valve opens\nat 6 bar. Like this:"),
        (BlockKind.CODE, 0, "open --valve"),
        (BlockKind.LIST, 0, "- One\n- Two"),
        (BlockKind.HEADING, 3, "Details"),
        (BlockKind.TEXT, 0, "Never when hot."),
        (BlockKind.CODE, 0, "run()"),
        (BlockKind.TABLE, 0, TABLE),
    ]


async def test_xml_keeps_records_together_and_says_what_their_values_are(tmp_path: Path) -> None:
    content = """<?xml version="1.0"?><!DOCTYPE manual><manual xml:lang="en"><title>Valves</title>
    <!-- hidden --><para>Open <b>slowly</b>, then <i>wait</i>.</para>
    <part code="E-47"><name>Pump</name><price currency="EUR">40</price></part><empty/></manual>"""
    assert blocks(await parsed(tmp_path, ".xml", content.encode())) == [
        (BlockKind.HEADING, 1, "Valves"),
        (BlockKind.TEXT, 0, "Open slowly, then wait."),
        (BlockKind.TEXT, 0, "part: code E-47\nname: Pump\nprice: 40, currency EUR"),
    ]


async def test_a_web_page_inside_an_element_is_read_as_one(tmp_path: Path) -> None:
    content = """<rss xmlns:c="http://purl.org/rss/1.0/modules/content/"><item><title>Valves</title>
    <link>https://example.org/1</link><c:encoded><![CDATA[<h2>Care</h2><p>Open <b>slowly</b>.</p><script>x()</script>
    <ul><li>Oil</li><li>Check</li></ul>]]></c:encoded><note>1 &lt; 2 &gt; 0</note></item></rss>"""
    document = await parsed(tmp_path, ".xml", content.encode())
    assert "<" not in document.text.replace("1 < 2", "")
    assert "x()" not in document.text
    found = blocks(document)
    assert (BlockKind.TEXT, 0, "Open slowly.") in found
    assert tuple(text for kind, _, text in found if text in ("Care", "1 < 2 > 0")) == ("Care", "1 < 2 > 0")


@needs_libreoffice
@pytest.mark.parametrize("suffix", [".doc", ".ppt"])
async def test_an_old_office_file_is_read_through_libreoffice_in_the_limited_child(tmp_path: Path, suffix: str) -> None:
    content = as_old_office(said_in(f"{suffix}x", "Das Ventil öffnet bei 6 bar."), suffix, tmp_path)
    path = tmp_path / "stored"
    path.write_bytes(content)
    assert SUFFIXES[detect(path, "unnamed")] == suffix
    pool = ParserPool(1, ParseLimits())
    try:
        document = await pool.parse(REFERENCE, {}, path, suffix=suffix)
        with pytest.raises(DocumentError) as caught:
            await pool.parse(REFERENCE, {"convert_timeout_s": 0.01}, path, suffix=suffix)
    finally:
        await pool.close()
    assert "Das Ventil öffnet bei 6 bar." in document.text
    assert document.paged == (suffix == ".ppt")
    assert caught.value.failure_code == "parse_timeout"


@needs_libreoffice
@pytest.mark.parametrize("suffix", [".doc", ".ppt"])
async def test_an_old_office_file_with_a_password_says_so_and_is_not_called_damaged(
    tmp_path: Path, suffix: str
) -> None:
    content = bytearray(as_old_office(said_in(f"{suffix}x", "Geheim."), suffix, tmp_path))
    if suffix == ".doc":
        with olefile.OleFileIO(bytes(content)) as file:
            head = file.openstream("WordDocument").read(64)
        content[content.index(head) + 11] |= 0x01
    else:
        plain, encrypted = bytes.fromhex("5fc091e3"), bytes.fromhex("dfc4d1f3")
        content = content.replace(plain, encrypted)
    error = await failure(tmp_path, suffix, bytes(content))
    assert (error.failure_code, "password" in error.message) == ("encrypted", True)


@pytest.mark.parametrize("suffix", [".doc", ".ppt"])
async def test_without_libreoffice_an_old_office_file_says_how_to_get_it(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = await failure(tmp_path, suffix, b"anything")
    assert error.failure_code == "program_missing"
    assert f"{suffix[1:]}x" in error.next_step
    assert legacy.INSTALL in error.next_step
    health = await UnstructuredParser(UnstructuredOptions()).health_check()
    assert legacy.INSTALL in health.detail


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


async def test_open_slides_are_pages_with_their_notes(tmp_path: Path) -> None:
    box = "<draw:frame><draw:text-box>{}</draw:text-box></draw:frame>"
    first = box.format(
        "<text:p>Pumps</text:p><text:list><text:list-item><text:p>four</text:p></text:list-item></text:list>"
    )
    notes = f"<presentation:notes>{box.format('<text:p>Say it slowly.</text:p>')}</presentation:notes>"
    grid = (
        "<draw:frame><table:table><table:table-row><table:table-cell><text:p>Part</text:p></table:table-cell>"
        "<table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row></table:table></draw:frame>"
    )
    body = f"<draw:page>{first}{notes}</draw:page><draw:page>{grid}</draw:page>"
    document = await parsed(tmp_path, ".odp", open_document(ODP, body))
    assert [page.label for page in document.pages] == ["slide 1", "slide 2"]
    assert document.pages[0].text == "Pumps\n\n- four\n\nNotes: Say it slowly."
    assert document.pages[1].text.startswith("| Part | Price |")


async def test_a_cell_that_reaches_over_others_moves_no_value_under_another_name(tmp_path: Path) -> None:
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    wide = "<table:table-cell table:number-columns-spanned='2'><text:p>P1</text:p></table:table-cell>"
    rows = (
        "".join(map(cell.format, ("Part", "Place", "Price"))),
        f"{wide}<table:covered-table-cell><text:p>unseen</text:p></table:covered-table-cell>{cell.format(40)}",
        "".join(map(cell.format, ("P2", "B-01", 50))),
    )
    lines = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    document = await parsed(tmp_path, ".ods", open_document(ODS, f"<table:table table:name='A'>{lines}</table:table>"))
    assert document.text.splitlines()[-2:] == [
        "| Part: P1 | Place: | Price: 40 |",
        "| Part: P2 | Place: B-01 | Price: 50 |",
    ]


async def test_open_sheets_are_pages_and_rows_beyond_the_bound_end_it(tmp_path: Path) -> None:
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = "".join(
        f"<table:table-row>{cell.format(name)}{cell.format(price)}"
        "<table:table-cell table:number-columns-repeated='16000'/></table:table-row>"
        for name, price in (("Part", "Price"), ("Pump", "4711"))
    )
    body = f"<table:table table:name='Prices'>{rows}</table:table><table:table table:name='Empty'/>"
    document = await parsed(tmp_path, ".ods", open_document(ODS, body))
    assert [(page.label, page.text) for page in document.pages] == [
        ("sheet Prices", "Prices\n\n| Part: Pump | Price: 4711 |"),
        ("sheet Empty", ""),
    ]
