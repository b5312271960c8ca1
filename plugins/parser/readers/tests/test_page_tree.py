"""Is what belongs to an article read, and does a merged cell say its text wherever it reaches?"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.types import ParsedDocument
from plugins.parser.readers.merged_cells import Cell, spread
from plugins.parser.readers.web.page_tree import put_right
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from tests.fixtures.office import epub


async def parsed(folder: Path, body: str | bytes) -> ParsedDocument:
    path = folder / "page.html"
    path.write_bytes(body if isinstance(body, bytes) else f"<html><body>{body}</body></html>".encode())
    return await UnstructuredParser(UnstructuredOptions()).parse(path)


@pytest.mark.parametrize("around", ["article", "section", "main"])
async def test_the_head_of_an_article_is_read_and_that_of_the_site_is_not(tmp_path: Path, around: str) -> None:
    article = f"<{around}><header><h2>Pumps</h2></header><p>They run.</p><footer>By Ann.</footer></{around}>"
    document = await parsed(tmp_path, f"<header>Shop</header>{article}<footer>Imprint</footer>")
    assert document.text.split("\n\n") == ["Pumps", "They run.", "By Ann."]


async def test_titles_of_chapters_in_books_are_read(tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(epub(["<section><header><h2>First chapter</h2></header><p>It rained.</p></section>"]))
    document = await UnstructuredParser(UnstructuredOptions()).parse(path)
    assert document.text.split("\n\n") == ["First chapter", "It rained."]


async def test_merged_cells_say_their_text_in_every_row_and_column(tmp_path: Path) -> None:
    head = "<tr><th rowspan='2'>Part</th><th colspan='2'>Price</th></tr><tr><th>2024</th><th>2025</th></tr>"
    first = "<tr><td rowspan='0'>P<sub>1</sub></td><td>10</td><td>12</td></tr>"
    second = "<tr><td><p>14</p><p>net</p></td><td>16</td></tr>"
    document = await parsed(tmp_path, f"<table>{head}{first}{second}</table>")
    assert document.text.splitlines() == [
        "| Part | Price | Price |",
        "|---|---|---|",
        "| Part | 2024 | 2025 |",
        "| P1 | 10 | 12 |",
        "| P1 | 14 net | 16 |",
    ]


async def test_pictures_say_what_is_seen_in_them_but_signs_say_nothing(tmp_path: Path) -> None:
    pictures = "<img src='a.png' alt='A red pump'><img src='b.png' alt='logo'>"
    table = f"<table><tr><th>Part</th><th>Look</th></tr><tr><td>Pump</td><td>{pictures}</td></tr></table>"
    document = await parsed(tmp_path, f"<p>The pump.</p>{pictures}{table}")
    assert document.text.count("A red pump") == 2
    assert "| Pump | A red pump |" in document.text
    assert "logo" not in document.text


async def test_an_encoding_that_the_page_names_is_obeyed(tmp_path: Path) -> None:
    table = "<table><tr><td colspan=2>Größe</td></tr></table>"
    page = f"<html><head><meta charset='iso-8859-1'></head><body>{table}</body></html>"
    assert "Größe" in (await parsed(tmp_path, page.encode("latin-1"))).text


def test_a_page_without_any_of_it_stays_as_it_is() -> None:
    assert put_right("<p>words</p>") is None
    assert put_right(b"") is None


def test_cells_that_reach_over_too_much_stay_as_they_are() -> None:
    row = f"<tr>{'<td rowspan=65534 colspan=1000>words</td>' * 50}</tr>"
    made = put_right(f"<table>{row * 50}</table>")
    assert made is not None
    assert made.count("words") == 2500


def test_rows_of_uneven_length_and_cells_that_meet_lose_nothing() -> None:
    rows = [[Cell("a", rows=2), Cell("b")], [Cell("c", columns=2), Cell("d", rows=3)], [], [Cell("e")]]
    assert list(spread(rows)) == [["a", "b"], ["a", "c", "c", "d"], ["", "", "", "d"], ["e", "", "", "d"]]
