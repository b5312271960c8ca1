"""What does a search show?"""

from __future__ import annotations

from uuid import UUID

from services.views.base import View


class SearchHit(View):
    """One result of a search without an answer."""

    chunk_id: UUID
    document_id: UUID
    version_id: UUID
    version_number: int
    superseded: bool
    """Another version of the document answers now."""
    pages_read: tuple[int, int] | None = None
    """How many of how many pages answer so far, while the document is read; None once it is whole."""
    filename: str
    page: int
    page_label: str
    heading_path: tuple[str, ...]
    text: str
    score: float
    dense_score: float | None
    sparse_score: float | None
