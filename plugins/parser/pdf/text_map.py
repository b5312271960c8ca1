"""Which characters does a page say, and where does pdfium keep each of them?

The text is made by the same rules when a document is read and when a citation is drawn, so that a character span of the
one points at the right place of the other. Pages and text pages are pdfium's; the caller closes them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plugins.parser.pdf.lines import Line, lines_of
from plugins.parser.pdf.reading_order import order
from plugins.parser.pdf.tables import Columns, Table, find

OURS = -1
LINE_HYPHENS = "\x02\ufffe"
"""What pdfium puts where a word is divided at the end of a line."""
SOFT_HYPHEN = "\u00ad"
BLANKS = "\u00a0\u2002\u2003\u2007\u2009\u202f"
FORMS = "\ufb00-\ufb4f\ufb50-\ufdff\ufe70-\ufefc"
"""Ligatures and the shapes of Arabic letters, which nobody types into a question."""
LAM = "\u0644"
_ALEF_LAM = re.compile(f"[\u0622\u0623\u0625\u0627\u0671]{LAM}")
_SPECIAL = re.compile(f"[\x00-\x09\x0b-\x1f\ufffe{SOFT_HYPHEN}{BLANKS}{FORMS}]")


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page; ``positions[i]`` is pdfium's index of character i, ``OURS`` for one that we put in.

    ``tables`` are spans of the text: rows of cells between vertical bars, the second row a separator, as in Markdown.
    """

    text: str
    positions: tuple[int, ...]
    tables: tuple[tuple[int, int], ...] = ()


def read(textpage: Any) -> PageText:
    """Text in reading order, without control characters, lines ended by one newline, divided words joined, ligatures
    written out, tables as rows of cells."""
    plain = _plain(textpage)
    # On a page that is turned the places are those of the paper as it was before.
    if not plain.text.strip() or textpage.page.get_rotation():
        return plain
    lines = list(lines_of(textpage, plain.text, plain.positions))
    units: list[list[Line]] = []
    found: list[Table | Columns | None] = []
    index = 0
    for used, what in find(lines, plain.text):
        units.append(lines[index : index + used])
        found.append(what)
        index += used
    ordered = order(units)
    if not any(found) and ordered == list(range(len(units))):
        return plain
    return _written(plain, [(units[number], found[number]) for number in ordered])


def _written(plain: PageText, units: Sequence[tuple[list[Line], Table | Columns | None]]) -> PageText:
    written = _Written()
    for lines, what in units:
        if written.characters:
            written.put("\n")
        if isinstance(what, Table):
            written.table(plain, what)
        elif isinstance(what, Columns):
            written.columns(plain, what)
        else:
            for line in lines:
                written.copy(plain, line[0].start, line[-1].end)
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
            for column in range(table.width):
                self.put(" ")
                for count, piece in enumerate(row.get(column, ())):
                    if count:
                        self.put(" ")
                    self.copy(page, piece.start, piece.end)
                self.put(" |")
            if number == 0:
                self.put("\n|" + "---|" * table.width)
        self.tables.append((begin, len(self.characters)))

    def columns(self, page: PageText, columns: Columns) -> None:
        """Line by line, one column after the other."""
        for number, piece in enumerate(piece for column in columns.columns for piece in column):
            if number:
                self.put("\n")
            self.copy(page, piece.start, piece.end)


def _plain(textpage: Any) -> PageText:
    raw = _with_lam_before_alef(textpage, _raw(textpage))
    characters: list[str] = []
    positions: list[int] = []
    index = 0
    for match in _SPECIAL.finditer(raw):
        if match.start() < index:
            continue
        characters.append(raw[index : match.start()])
        positions.extend(range(index, match.start()))
        shown, index = _special(raw, match.start())
        characters.append(shown)
        positions.extend([match.start()] * len(shown))
    characters.append(raw[index:])
    positions.extend(range(index, len(raw)))
    return PageText("".join(characters), tuple(positions))


def _special(raw: str, index: int) -> tuple[str, int]:
    """What is shown of a character that does not stand for itself, and where the text goes on."""
    character = raw[index]
    if character in LINE_HYPHENS or (character == SOFT_HYPHEN and raw[index + 1 : index + 2] in ("\r", "\n")):
        following = index + 1
        while following < len(raw) and raw[following] in "\r\n":
            following += 1
        # The word goes on in the next line: the break is dropped, and the hyphen with it unless it is the word's own.
        return "-" if _keeps_hyphen(raw, index, following) else "", following
    if character in BLANKS:
        return " ", index + 1
    if character < " " or character == SOFT_HYPHEN:
        return "", index + 1
    return unicodedata.normalize("NFKC", character), index + 1


def _keeps_hyphen(raw: str, index: int, following: int) -> bool:
    """Whether a divided word has its own hyphen: before a figure or capital, or as the page writes it elsewhere."""
    start = index
    while start > 0 and (raw[start - 1].isalnum() or raw[start - 1] == "-"):
        start -= 1
    end = following
    while end < len(raw) and raw[end].isalnum():
        end += 1
    before, after = raw[start:index], raw[following:end]
    if not before or not after:
        return False
    return not after[0].islower() or f"{before}-{after}".casefold() in raw.casefold()


def _raw(textpage: Any) -> str:
    """One character per index of pdfium, whatever lies outside the basic plane."""
    import pypdfium2.raw as pdfium

    count = textpage.count_chars()
    text: str = textpage.get_text_range(0, count) if count > 0 else ""
    if len(text) == count:
        return text
    return "".join(_character(pdfium.FPDFText_GetUnicode(textpage, i)) for i in range(count))


def _with_lam_before_alef(textpage: Any, raw: str) -> str:
    """The two letters of one sign the way people write them.

    pdfium turns lines that run from right to left around letter by letter, and with them the letters of such a sign,
    which stand in one place.
    """
    if LAM not in raw:
        return raw
    letters = list(raw)
    for match in _ALEF_LAM.finditer(raw):
        first, second = match.start(), match.start() + 1
        if textpage.get_charbox(first) == textpage.get_charbox(second):
            letters[first], letters[second] = letters[second], letters[first]
    return "".join(letters)


def _character(code: int) -> str:
    return "\ufffd" if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code)
