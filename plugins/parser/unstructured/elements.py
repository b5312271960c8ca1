"""How are Word files, web pages and mails read through ``unstructured``?"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.types import BlockKind
from plugins.parser.readers.pieces import Piece, markdown_table, squeezed
from plugins.parser.readers.web.page_tree import DESCRIBING_WORDS, put_right
from plugins.parser.readers.web.unseen import without_unseen, word_without_unseen
from plugins.parser.readers.word import file as word_file

UNASKED = [""]
"""No detection of languages: it costs more than all the rest of a short file, and chunks are told theirs later."""


def word(file_path: Path) -> Iterator[Piece]:
    """A docx file."""
    _go_offline()
    from unstructured.partition.docx import partition_docx

    shown, unseen = word_without_unseen(file_path)
    shown = word_file.put_right(shown or file_path) or shown
    source: dict[str, Any] = {"file": shown} if shown else {"filename": str(file_path)}
    for element in partition_docx(**source, languages=UNASKED):
        yield from _piece(element)
    yield from unseen


def web_page(html: str) -> Iterator[Piece]:
    """The text of a page, without what runs and what repeats on every page of a site."""
    _go_offline()
    from unstructured.partition.html import partition_html

    if not html.strip():
        return
    shown, unseen = without_unseen(html)
    page = shown or html
    for element in partition_html(text=put_right(page) or page, skip_headers_and_footers=True, languages=UNASKED):
        yield from _piece(element)
    yield from unseen


def web_page_file(file_path: Path) -> Iterator[Piece]:
    """The same of a file, in the encoding it names."""
    _go_offline()
    from unstructured.partition.html import partition_html

    raw = file_path.read_bytes()
    shown, unseen = without_unseen(raw)
    made = put_right(shown or raw) or shown
    source: dict[str, Any] = {"text": made} if made else {"filename": str(file_path)}
    for element in partition_html(**source, skip_headers_and_footers=True, languages=UNASKED):
        yield from _piece(element)
    yield from unseen


def mail(raw: bytes) -> Iterator[Piece]:
    """Head and body of an eml file; for what is attached see ``attachments``."""
    _go_offline()
    from unstructured.partition.email import partition_email

    yield from _mail_head(raw)
    for element in partition_email(file=io.BytesIO(raw), process_attachments=False, languages=UNASKED):
        yield from _piece(element)


def _piece(element: Any) -> Iterator[Piece]:
    text = str(element.text or "").strip()
    kind = element.category
    if kind in ("PageBreak", "Header", "Footer") or (kind == "Image" and len(text.split()) < DESCRIBING_WORDS):
        return
    if kind == "Table":
        caption, table = _table(element)
        if caption:
            yield BlockKind.TEXT, 0, caption
        if table:
            yield BlockKind.TABLE, 0, table
    elif text:
        if kind == "Title":
            yield BlockKind.HEADING, min((element.metadata.category_depth or 0) + 1, 6), text
        elif kind == "ListItem":
            yield BlockKind.LIST, 0, f"- {text}"
        else:
            yield BlockKind.TEXT, 0, text


def _table(element: Any) -> tuple[str, str]:
    """Caption and rows."""
    html = element.metadata.text_as_html
    if not html:
        return "", str(element.text or "").strip()
    from lxml import html as parser

    tree = parser.fragment_fromstring(html, create_parent="div")
    rows = [[squeezed(cell.text_content()) for cell in row.xpath("./td|./th")] for row in tree.xpath(".//tr")]
    caption = " ".join(squeezed(caption.text_content()) for caption in tree.xpath("./table/caption"))
    return caption, markdown_table([row for row in rows if any(row)])


def _mail_head(raw: bytes) -> Iterator[Piece]:
    import email
    import email.policy

    message = email.message_from_bytes(raw, policy=email.policy.default)
    subject = str(message.get("subject", "")).strip()
    if subject:
        yield BlockKind.HEADING, 1, subject
    head = [f"{name}: {message[name]}" for name in ("From", "To", "Cc", "Date") if message[name]]
    if head:
        yield BlockKind.TEXT, 0, "\n".join(head)


def _go_offline() -> None:
    """Before the first import: no telemetry, and sentences split by rules instead of a downloaded model."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("SCARF_NO_ANALYTICS", "1")
    os.environ.setdefault("UNSTRUCTURED_DISABLE_NOTICE", "1")
    from unstructured.nlp import tokenize

    # The library's own hook would fetch a model from the network (see docs/decisions).
    vars(tokenize)["_get_nlp"] = _sentences_by_rules


@functools.cache
def _sentences_by_rules(*_: Any, **__: Any) -> Any:
    """Built once: it takes longer than a short file."""
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    return pipeline
