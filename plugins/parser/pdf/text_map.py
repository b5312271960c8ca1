"""Which characters does a page say, and where does pdfium keep each of them?

The text is made by the same rules when a document is read and when a citation is drawn, so that a character span of the
one points at the right place of the other. Pages and text pages are pdfium's; the caller closes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LINE_HYPHEN = "\x02"
"""What pdfium puts where a word is divided at the end of a line."""


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page; ``positions[i]`` is pdfium's index of character i."""

    text: str
    positions: tuple[int, ...]


def read(textpage: Any) -> PageText:
    """Text without control characters, with lines ended by one newline and divided words joined again."""
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
