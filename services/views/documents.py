"""How does a document look from outside, and what does a citation open?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict

from core.states import DocumentStatus
from core.types import Box
from services.views.base import View
from services.views.uploads import OrderView, Receipt, SimilarView


class DocumentView(View):
    """A document as lists show it; the numbers are those of the active version."""

    id: UUID
    filename: str
    mime_type: str
    size_bytes: int
    status: DocumentStatus
    error_message: str | None
    warning: str | None
    """Set when parts could not be read, or when a newer version failed and the old one still answers."""
    orders: tuple[OrderView, ...] = ()
    """Sentences of it that give orders to whoever reads it for others, such as a model; they stay data."""
    version_number: int
    version_id: UUID | None
    pages: int | None
    chunks: int | None
    collection_id: UUID
    collection_name: str
    uploaded_by: str
    """E-mail address; empty when that account was deleted and the document stayed."""
    created_at: datetime
    indexed_at: datetime | None
    may_change: bool = False
    """Whether the caller may read it again, stop that, or delete it."""
    parent_id: UUID | None = None
    """The document in whose file it lay, such as the mail it was attached to; it goes with that."""
    latest_task: Receipt | None = None
    similar: tuple[SimilarView, ...] = ()
    """Other readable documents that say the same or nearly; not in lists."""


class PartView(View):
    """A document that lay in the file of another one."""

    id: UUID
    filename: str
    status: DocumentStatus
    error_message: str | None


class PartsView(View):
    """All that lay in the file of a document, at any depth.

    Attributes:
        waiting: Not read yet.
        items: The first of them by name, those that failed before the others.
    """

    total: int
    ready: int
    failed: int
    waiting: int
    items: tuple[PartView, ...]


class DocumentPage(View):
    """A page of a list; ``next_cursor`` is None on the last."""

    items: tuple[DocumentView, ...]
    next_cursor: str | None
    total: int


class PassageView(View):
    """The text of a page or section with the cited characters in it, for types that have no page pictures."""

    document_id: UUID
    version_id: UUID
    version_number: int
    filename: str
    page: int
    page_label: str
    heading_path: tuple[str, ...]
    text: str
    char_start: int
    char_end: int
    superseded: bool


class PagePicture(View):
    """A page as PNG with the cited passage highlighted; boxes are fractions of the page."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    png: bytes
    boxes: tuple[Box, ...]
    pages: int
