"""How is a file of plain text read?"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import DocumentError
from core.types import Block, BlockKind, Health, ParsedDocument, ParsedPage, PluginStatus
from plugins.interfaces import PluginContext
from plugins.parser.text.tags import FENCE, without_tags

TYPES = frozenset(
    {"text/plain", "text/markdown", "text/csv", "text/tab-separated-values", "application/json", "application/yaml",
     "text/x-code", "text/org", "text/x-rst", "application/xml"}
)  # fmt: skip
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    # Before UTF-16, whose mark is the beginning of this one.
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
MARKDOWN = ".md"
CODE = frozenset({".code", ".json", ".yaml"})
"""What begins with # there is a comment, and with - a value."""
_HEADING = re.compile(r"(#{1,6})\s+\S")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s")


class TextOptions(BaseModel):
    """No choices yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextParser:
    """Text, Markdown, code, CSV."""

    Options = TextOptions

    def __init__(self, options: TextOptions, context: PluginContext | None = None) -> None:
        self._options = options

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to release."""

    async def health_check(self) -> Health:
        return Health(PluginStatus.HEALTHY)

    def supports_mime_type(self, mime_type: str) -> bool:
        return mime_type in TYPES

    async def parse(self, file_path: Path) -> ParsedDocument:
        data = await asyncio.to_thread(file_path.read_bytes)
        text = decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
        if not text.strip():
            raise DocumentError(
                "The file holds no text.", failure_code="no_text", next_step="Upload a file with content."
            )
        if file_path.suffix == MARKDOWN:
            text = without_tags(text) or text
        blocks = (Block(BlockKind.CODE, 0, len(text)),) if file_path.suffix in CODE else blocks_of(text)
        return ParsedDocument((ParsedPage(1, text, blocks),), paged=False)


def decode(data: bytes) -> str:
    """Text in UTF-32 with its mark, UTF-8 or UTF-16 (with or without), else in Windows-1252, which every byte fits.

    Raises:
        DocumentError: It is not text.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    sample = data[:4000]
    # Before UTF-8, which takes the zeros of UTF-16 for characters.
    if len(data) % 2 == 0:
        if sample[1::2].count(0) > 0.6 * len(sample[1::2]):
            return data.decode("utf-16-le", "replace")
        if sample[::2].count(0) > 0.6 * len(sample[::2]):
            return data.decode("utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if sum(byte < 9 or 13 < byte < 32 for byte in sample) > 0.05 * len(sample):
        raise DocumentError(
            "The file is not text.", failure_code="not_text", next_step="Upload it in its original format."
        )
    return data.decode("cp1252", "replace")


def blocks_of(text: str) -> tuple[Block, ...]:
    """Structure of Markdown, which plain text mostly follows: headings, lists, tables, code, paragraphs."""
    blocks: list[Block] = []
    position, fenced = 0, False
    for line in text.split("\n"):
        start, end = position, position + len(line)
        position = end + 1
        if FENCE.match(line):
            fenced = not fenced
            _extend(blocks, BlockKind.CODE, start, end, 0, joined=not fenced)
            continue
        if not line.strip():
            if blocks and not fenced:
                blocks.append(Block(BlockKind.TEXT, end, end))
            continue
        if fenced:
            _extend(blocks, BlockKind.CODE, start, end, 0)
        elif heading := _HEADING.match(line):
            blocks.append(Block(BlockKind.HEADING, start, end, len(heading.group(1))))
        elif line.lstrip().startswith("|"):
            _extend(blocks, BlockKind.TABLE, start, end, 0)
        elif _LIST_ITEM.match(line):
            _extend(blocks, BlockKind.LIST, start, end, 0)
        elif blocks and blocks[-1].kind is BlockKind.LIST and line[0].isspace():
            _extend(blocks, BlockKind.LIST, start, end, 0)
        else:
            _extend(blocks, BlockKind.TEXT, start, end, 0)
    return tuple(block for block in blocks if block.end > block.start)


def _extend(blocks: list[Block], kind: BlockKind, start: int, end: int, level: int, *, joined: bool = True) -> None:
    """Go on with the block before when it is of the same kind and nothing stood between."""
    last = blocks[-1] if blocks else None
    if joined and last and last.kind is kind and last.end > last.start and last.end == start - 1:
        blocks[-1] = Block(kind, last.start, end, level)
    else:
        blocks.append(Block(kind, start, end, level))
