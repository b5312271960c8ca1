"""How are slides read, with their notes?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.types import BlockKind, ParsedDocument
from plugins.parser.readers.pieces import Piece, assemble, corrupt, markdown_table

DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
COUNTED = f"{DRAWING}pPr/{DRAWING}buAutoNum"


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
    for shape in _single(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            body = list(_points(shape.text_frame.paragraphs))
            if body:
                lines = "\n".join(f"{mark} {line}" for mark, line in body) if len(body) > 1 else body[0][1]
                yield BlockKind.LIST, 0, lines
        elif getattr(shape, "has_table", False) and (table := markdown_table(_rows(shape.table))):
            yield BlockKind.TABLE, 0, table
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        if notes is not None and notes.text.strip():
            yield BlockKind.TEXT, 0, f"Notes: {' '.join(notes.text.split())}"


def _single(shapes: Iterable[Any]) -> Iterator[Any]:
    """Shapes in their order, those of groups in the place of the group."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _single(shape.shapes)
        else:
            yield shape


def _points(paragraphs: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Mark and words of the paragraphs that have any; counted ones keep their numbers."""
    reached: dict[int, int] = {}
    for paragraph in paragraphs:
        if not (line := " ".join(paragraph.text.split())):
            continue
        counted = paragraph._p.find(COUNTED)
        if counted is None:
            reached.pop(paragraph.level, None)
            yield "-", line
            continue
        start = counted.get("startAt", "1")
        number = reached.get(paragraph.level, int(start) - 1 if start.isdecimal() else 0) + 1
        reached = {level: at for level, at in reached.items() if level < paragraph.level} | {paragraph.level: number}
        yield f"{number}.", line


def _rows(table: Any) -> list[list[str]]:
    """The cells; one that lies over several says its text in each, so that every row stands for itself."""
    rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in table.rows]
    for top, row in enumerate(table.rows):
        for left, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for below in rows[top : top + cell.span_height]:
                    below[left : left + cell.span_width] = [rows[top][left]] * len(below[left : left + cell.span_width])
    return rows
