"""What of a web page is put right before its text is taken?

Heads and feet of an article or section are part of it, unlike those of the whole page, which repeat on every page of a
site; and a merged cell says its text in every row and column it reaches over, so that no value moves under another
name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plugins.parser.readers.merged_cells import Cell, spread
from plugins.parser.readers.pieces import squeezed
from plugins.parser.readers.web.unseen import decoded

if TYPE_CHECKING:
    from lxml.html import HtmlElement

DESCRIBING_WORDS = 3
"""From so many on, the text of a picture says what is seen in it; fewer are the name of a sign."""
MOST_COPIED = 1_000_000
"""Characters of a table with all copies of its merged cells; with more it stays as it is."""
_CONCERNED = r"<(?:header|footer)\b|\b(?:rowspan|colspan|alt)\s*="
_IN_TEXT, _IN_BYTES = re.compile(_CONCERNED, re.IGNORECASE), re.compile(_CONCERNED.encode(), re.IGNORECASE)
_OWN_HEADS = "//*[self::article or self::section or self::main]//*[self::header or self::footer]"
_APART = ("br", "p", "div", "li", "ul", "ol", "dt", "dd", "tr", "td", "th", "caption", "pre", "blockquote")
_ROWS = "./tr|./thead/tr|./tbody/tr|./tfoot/tr"


def put_right(page: str | bytes) -> str | None:
    """The page as it should be read; None where there is nothing to do."""
    from lxml import html
    from lxml.etree import ParserError

    if not (_IN_BYTES.search(page) if isinstance(page, bytes) else _IN_TEXT.search(page)):
        return None
    try:
        tree = html.document_fromstring(decoded(page))
    except (ParserError, ValueError):
        return None
    for element in tree.xpath(_OWN_HEADS):
        element.tag = "div"
    for picture in tree.xpath("//table//img[@alt]"):
        if len(picture.get("alt").split()) >= DESCRIBING_WORDS:
            picture.tail = f" {picture.get('alt')} {picture.tail or ''}"
    for table in tree.xpath("//table[.//@rowspan or .//@colspan]"):
        _spread(table)
    return str(html.tostring(tree, encoding="unicode"))


def _spread(table: HtmlElement) -> None:
    from lxml.html import builder

    found = table.xpath(_ROWS)
    rows = [[_cell(cell, len(found)) for cell in row.xpath("./td|./th")] for row in found]
    if sum(cell.rows * cell.columns * (len(cell.text) + 1) for row in rows for cell in row) > MOST_COPIED:
        return
    for row, texts in zip(found, spread(rows), strict=True):
        for cell in list(row):
            row.remove(cell)
        row.extend(builder.TD(text) for text in texts)


def _cell(cell: HtmlElement, most_rows: int) -> Cell:
    # 0 is all rows that follow (HTML 4.9.11).
    rows = _number(cell.get("rowspan")) or most_rows
    for part in cell.iter(*_APART):
        part.tail = f" {part.tail or ''}"
    return Cell(squeezed(cell.text_content()), min(rows, most_rows), max(_number(cell.get("colspan")), 1))


def _number(written: str | None) -> int:
    """Of rows or columns, 1 where nothing readable stands; the standard allows no more than 1,000 columns."""
    return min(int(written), 1000) if written and written.isascii() and written.isdecimal() else 1
