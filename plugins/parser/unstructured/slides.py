"""How are slides read, with their notes?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.types import BlockKind, ParsedDocument
from plugins.parser.unstructured.pieces import Piece, assemble, corrupt, markdown_table


def read(file_path: Path) -> ParsedDocument:
    """One page a slide of a pptx file."""
    from pptx import Presentation

    try:
        presentation = Presentation(str(file_path))
    except MemoryError:
        raise
    except Exception as error:
        raise corrupt("PowerPoint") from error
    pages = []
    for number, slide in enumerate(presentation.slides, start=1):
        pages.append(assemble(number, list(_slide(slide)), f"slide {number}"))
    return ParsedDocument(tuple(pages))


def _slide(slide: Any) -> Iterator[Piece]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield BlockKind.HEADING, 1, " ".join(title.text_frame.text.split())
    for shape in slide.shapes:
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            lines = [" ".join(paragraph.text.split()) for paragraph in shape.text_frame.paragraphs]
            body = [line for line in lines if line]
            if body:
                yield BlockKind.LIST, 0, "\n".join(f"- {line}" for line in body) if len(body) > 1 else body[0]
        elif getattr(shape, "has_table", False) and (table := markdown_table(_rows(shape.table))):
            yield BlockKind.TABLE, 0, table
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        if notes is not None and notes.text.strip():
            yield BlockKind.TEXT, 0, f"Notes: {' '.join(notes.text.split())}"


def _rows(table: Any) -> list[list[str]]:
    """The cells; one that lies over several says its text in each, so that every row stands for itself."""
    rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in table.rows]
    for top, row in enumerate(table.rows):
        for left, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for below in rows[top : top + cell.span_height]:
                    below[left : left + cell.span_width] = [rows[top][left]] * len(below[left : left + cell.span_width])
    return rows
