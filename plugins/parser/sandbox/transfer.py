"""How does a parsed document travel from the limited process?"""

from __future__ import annotations

from typing import Any

from core.errors import DocumentError
from core.types import Block, BlockKind, Box, ParsedDocument, ParsedPage, Word


def check_size(document: ParsedDocument, max_characters: int) -> None:
    """Pass a document whose text can be handled.

    Raises:
        DocumentError: There is more text than any document of people has.
    """
    marks = sum(len(page.blocks) + len(page.words) + len(page.label) + 1 for page in document.pages)
    said = sum(map(len, document.warnings)) + len(str(dict(document.metadata)))
    said += sum(len(part.name) + len(part.problem) for part in document.parts)
    if sum(len(page.text) for page in document.pages) + said > max_characters or marks > max_characters // 4:
        raise DocumentError(
            f"The file holds more than {max_characters:,} characters of text.",
            failure_code="too_complex",
            next_step="Split it into smaller files.",
        )


def to_json(document: ParsedDocument) -> dict[str, Any]:
    """Plain data. Characters PostgreSQL cannot hold are replaced one by one, so that spans stay right."""
    return {
        "paged": document.paged,
        "metadata": dict(document.metadata),
        "warnings": [_storable(warning) for warning in document.warnings],
        "pages": [page_to_json(page) for page in document.pages],
    }


def page_to_json(page: ParsedPage) -> list[Any]:
    """One page, as the document holds it."""
    return [
        page.number,
        _storable(page.text),
        page.label,
        [[block.kind.value, block.start, block.end, block.level] for block in page.blocks],
        [[w.start, w.end, w.box.left, w.box.top, w.box.right, w.box.bottom] for w in page.words],
    ]


def from_json(data: dict[str, Any]) -> ParsedDocument:
    """The document again."""
    return ParsedDocument(
        pages=tuple(page_from_json(page) for page in data["pages"]),
        metadata=data["metadata"],
        paged=data["paged"],
        warnings=tuple(data["warnings"]),
    )


def page_from_json(data: list[Any]) -> ParsedPage:
    """The page again."""
    number, text, label, blocks, words = data
    return ParsedPage(
        number,
        text,
        tuple(Block(BlockKind(kind), start, end, level) for kind, start, end, level in blocks),
        label,
        tuple(Word(start, end, Box(*sides)) for start, end, *sides in words),
    )


def _storable(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    return "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
