"""How do the PDFs look? Paragraphs, tables, and a header and footer on each page."""

from __future__ import annotations

import io
from collections.abc import Sequence

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    ListFlowable,
    ListItem,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.flowables import Flowable

_STYLES = getSampleStyleSheet()
_BODY = ParagraphStyle("body", parent=_STYLES["BodyText"], fontSize=10, leading=14, spaceAfter=6)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8.5, leading=11, spaceAfter=0)
_HEAD = ParagraphStyle("head", parent=_CELL, fontName="Helvetica-Bold")


def title(text: str) -> Flowable:
    """The document's title."""
    return Paragraph(text, _STYLES["Title"])


def heading(text: str, level: int = 1) -> Flowable:
    """A chapter or section."""
    return Paragraph(text, _STYLES[f"Heading{level}"])


def text(*paragraphs: str) -> list[Flowable]:
    """Paragraphs."""
    return [Paragraph(paragraph, _BODY) for paragraph in paragraphs]


def steps(*items: str) -> Flowable:
    """A numbered list."""
    return ListFlowable([ListItem(Paragraph(item, _BODY)) for item in items], bulletType="1", leftIndent=16)


def table(rows: Sequence[Sequence[str]], widths_mm: Sequence[float]) -> list[Flowable]:
    """A table whose first row is its header, repeated on each page."""
    cells = [[Paragraph(cell, _HEAD if number == 0 else _CELL) for cell in row] for number, row in enumerate(rows)]
    drawn = Table(cells, colWidths=[width * mm for width in widths_mm], repeatRows=1)
    drawn.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
                ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return [Spacer(1, 4), drawn, Spacer(1, 10)]


def new_page() -> Flowable:
    """Go on on the next page."""
    return PageBreak()


def pdf(story: Sequence[Flowable], *, name: str, header: str) -> bytes:
    """The document; no date and no random id in it."""
    buffer = io.BytesIO()

    def furniture(canvas: Canvas, _: object) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.drawString(20 * mm, A4[1] - 12 * mm, header)
        canvas.drawRightString(A4[0] - 20 * mm, 10 * mm, f"Page {canvas.getPageNumber()}")
        canvas.drawString(20 * mm, 10 * mm, "Varmholt Wärmetechnik GmbH")
        canvas.restoreState()

    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        title=name,
        author="Varmholt Wärmetechnik GmbH",
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        invariant=1,
    )
    document.build(list(story), onFirstPage=furniture, onLaterPages=furniture)
    return buffer.getvalue()
