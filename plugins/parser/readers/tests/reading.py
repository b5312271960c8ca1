"""How do the tests of readers have a file read? By the parser that calls them, as ingestion does."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DocumentError
from core.types import BlockKind, ParsedDocument
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser

Found = list[tuple[BlockKind, int, str]]


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
