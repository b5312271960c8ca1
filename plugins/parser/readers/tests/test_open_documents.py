"""Do OpenDocument files and books keep their structure?"""

from __future__ import annotations

from pathlib import Path

from core.types import BlockKind
from plugins.parser.readers.tests.reading import blocks, failure, parsed
from plugins.parser.unstructured.provider import BY_SUFFIX
from tests.fixtures.office import ODP, ODS, epub, odt, open_document, packed


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
