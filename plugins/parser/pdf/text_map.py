"""Which characters does a page say, and where does pdfium keep each of them?

The text is made by the same rules when a document is read and when a citation is drawn, so that a character span of the
one points at the right place of the other. Pages and text pages are pdfium's; the caller closes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plugins.parser.pdf.tables import Table, find_tables

OURS = -1
LINE_HYPHEN = "\x02"
"""What pdfium puts where a word is divided at the end of a line."""


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page; ``positions[i]`` is pdfium's index of character i, ``OURS`` for one that we put in.

    ``tables`` are spans of the text: rows of cells between vertical bars, the second row a separator, as in Markdown.
    """

    text: str
    positions: tuple[int, ...]
    tables: tuple[tuple[int, int], ...] = ()


def read(textpage: Any) -> PageText:
    """Text without control characters, lines ended by one newline, divided words joined, tables as rows of cells."""
    plain = _plain(textpage)
    tables = find_tables(textpage, plain.text, plain.positions)
    if not tables:
        return plain
    written = _Written()
    position = 0
    for table in tables:
        written.copy(plain, position, table.start)
        written.table(plain, table)
        position = table.end
    written.copy(plain, position, len(plain.text))
    return PageText("".join(written.characters), tuple(written.positions), tuple(written.tables))


class _Written:
    """Text in the making, and where each character of it comes from."""

    def __init__(self) -> None:
        self.characters: list[str] = []
        self.positions: list[int] = []
        self.tables: list[tuple[int, int]] = []

    def copy(self, page: PageText, start: int, end: int) -> None:
        """As it stands."""
        self.characters.extend(page.text[start:end])
        self.positions.extend(page.positions[start:end])

    def put(self, text: str) -> None:
        """Characters of ours."""
        self.characters.extend(text)
        self.positions.extend([OURS] * len(text))

    def table(self, page: PageText, table: Table) -> None:
        """Row by row; a cell's lines become one."""
        begin = len(self.characters)
        for number, row in enumerate(table.rows):
            self.put("|" if number == 0 else "\n|")
            for column in range(len(table.edges)):
                self.put(" ")
                for count, piece in enumerate(row.cells.get(column, ())):
                    if count:
                        self.put(" ")
                    self.copy(page, piece.start, piece.end)
                self.put(" |")
            if number == 0:
                self.put("\n|" + "---|" * len(table.edges))
        self.tables.append((begin, len(self.characters)))


def _plain(textpage: Any) -> PageText:
    raw = _raw(textpage)
    characters: list[str] = []
    positions: list[int] = []
    index = 0
    while index < len(raw):
        character = raw[index]
        if character in (LINE_HYPHEN, "\ufffe"):
            # The word goes on in the next line: the break is dropped with the hyphen.
            index += 1
            while index < len(raw) and raw[index] in "\r\n":
                index += 1
            continue
        if character == "\n" or character >= " ":
            characters.append(" " if character in "\u00a0\u2007\u202f" else character)
            positions.append(index)
        index += 1
    return PageText("".join(characters), tuple(positions))


def _raw(textpage: Any) -> str:
    """One character per index of pdfium, whatever lies outside the basic plane."""
    import pypdfium2.raw as pdfium

    count = textpage.count_chars()
    text: str = textpage.get_text_range(0, count) if count > 0 else ""
    if len(text) == count:
        return text
    return "".join(_character(pdfium.FPDFText_GetUnicode(textpage, i)) for i in range(count))


def _character(code: int) -> str:
    return "\ufffd" if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code)
