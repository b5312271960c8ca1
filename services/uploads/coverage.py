"""How much of a file was read?"""

from __future__ import annotations

from core.types import BlockKind, JsonValue, ParsedDocument
from db.models import DocumentVersion
from services.views.uploads import CoverageView

COVERAGE = "coverage"
"""Where a version keeps it, among what else is known about it."""


def coverage_of(document: ParsedDocument) -> dict[str, JsonValue]:
    """Counts over what a parser read, as a version keeps them.

    A page counts as recognised when its words have places of their own: only text recognition notes those.
    """
    with_text = [page for page in document.pages if page.text.strip()]
    kinds = [block.kind for page in document.pages for block in page.blocks]
    return {
        "pages": len(document.pages),
        "pages_with_text": len(with_text),
        "pages_recognised": sum(bool(page.words) for page in with_text),
        "tables": kinds.count(BlockKind.TABLE) + kinds.count(BlockKind.RECORDS),
        "headings": kinds.count(BlockKind.HEADING),
        "characters": sum(len(page.text) for page in document.pages),
    }


def coverage_view(version: DocumentVersion) -> CoverageView | None:
    """The same for people; None for a version read before it was kept, or not yet."""
    kept = version.meta.get(COVERAGE)
    return CoverageView.model_validate(kept) if isinstance(kept, dict) else None
