"""How do the words that were seen in a picture become a page whose citations can be marked?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.types import Block, BlockKind, ParsedPage, Word
from plugins.parser.ocr.tesseract import Seen

_WITHOUT_BLANKS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, kana and Han."""


def page_of(number: int, seen: Sequence[Seen]) -> ParsedPage:
    """The page: blanks between words, line ends between lines, one block for each paragraph.

    A word that was divided at the end of a line is joined, and stands at two places.
    """
    text = ""
    words: list[Word] = []
    blocks: list[Block] = []
    for index, item in enumerate(seen):
        before = seen[index - 1] if index else None
        following = seen[index + 1] if index + 1 < len(seen) else None
        if before is None or before.paragraph != item.paragraph:
            text += "\n\n" if text else ""
            blocks.append(Block(BlockKind.TEXT, len(text), len(text)))
        elif not _is_divided(before, item):
            text += _between(before, item)
        shown = item.text[:-1] if following is not None and _is_divided(item, following) else item.text
        words.append(Word(len(text), len(text) + len(shown), item.box))
        text += shown
        blocks[-1] = Block(BlockKind.TEXT, blocks[-1].start, len(text))
    return ParsedPage(number, text, tuple(blocks), words=tuple(words))


def _between(before: Seen, item: Seen) -> str:
    if before.line != item.line:
        return "\n"
    return "" if _WITHOUT_BLANKS.match(before.text[-1]) and _WITHOUT_BLANKS.match(item.text[0]) else " "


def _is_divided(before: Seen, item: Seen) -> bool:
    """Whether a word ends the line with a hyphen and goes on in the next one."""
    return (
        before.paragraph == item.paragraph
        and before.line != item.line
        and len(before.text) > 2
        and before.text[-1] in "-\u2010\u00ad"
        and before.text[-2].isalpha()
        and item.text[0].islower()
    )
