"""How do the versions of a document look from outside?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.views.base import View
from services.views.uploads import Receipt


class PeriodView(View):
    """From when to when a version answered; ``valid_to`` is None while it does."""

    valid_from: datetime
    valid_to: datetime | None


class VersionView(View):
    """One content of a document.

    Attributes:
        answers: It is the one that answers now.
        periods: When it answered, in order; several when it was put in force again.
        at_once: Putting it in force again needs no reading; otherwise it is read again first.
    """

    id: UUID
    number: int
    filename: str
    mime_type: str
    size_bytes: int
    content_hash: str
    pages: int | None
    chunks: int | None
    created_at: datetime
    answers: bool
    periods: tuple[PeriodView, ...] = ()
    at_once: bool = False
    error_message: str | None = None


class RestoreView(View):
    """A version was put in force again, or will be once it was read again: then there is a ``receipt``."""

    version: VersionView
    receipt: Receipt | None = None
    note: str = ""


class ChangeView(View):
    """What changed on one page, slide, sheet or section; a number is None where it is only in the other version."""

    page_before: int | None
    page_after: int | None
    label: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


class DiffView(View):
    """From one version to another.

    Attributes:
        unified: As ``diff -u`` shows it, a file a page.
        changes: The same in parts, in the order of the later version.
        truncated: There is more; the rest was left out.
    """

    document_id: UUID
    from_number: int
    to_number: int
    unified: str
    changes: tuple[ChangeView, ...]
    pages_unchanged: int
    truncated: bool = False
