"""How does a set of documents look from outside?"""

from __future__ import annotations

from uuid import UUID

from core.types import DataClass
from services.views.base import View


class CollectionView(View):
    """A set of documents and how many are in it."""

    id: UUID
    name: str
    is_open: bool
    """Readable by everybody in the organisation; otherwise only by those it is granted to."""
    document_count: int
    data_class: DataClass = DataClass.INTERNAL
    is_own: bool = False
    """The caller's own files, which nobody else reads."""
    retention_days: int | None = None
    """Documents are deleted so many days after their answering version began to answer; None keeps them."""
