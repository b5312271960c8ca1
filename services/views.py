"""What do services hand to faces?

Frozen pydantic models, so that a route can return them as they are. No database row ever leaves a service.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from core.events import Citation, SentenceEvent
from core.identity import Role
from core.types import Box, DataClass


class View(BaseModel):
    """Base of everything a service hands out."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountView(View):
    """A person in an organisation."""

    id: UUID
    email: str
    role: Role
    is_active: bool
    organization_id: UUID
    organization_name: str
    preferences: dict[str, str | bool]
    last_login_at: datetime | None
    created_at: datetime


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


class DocumentStatus(StrEnum):
    """The owner's four states; ``stage`` of a receipt is finer."""

    PENDING = "pending"
    INDEXING = "indexing"
    READY = "ready"
    FAILED = "failed"


class TaskStatus(StrEnum):
    """States of a task."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class IngestionStage(StrEnum):
    """Where a document is on its way, in order."""

    RECEIVED = "received"
    PARSING = "parsing"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    INDEXING = "indexing"
    VERIFYING = "verifying"
    READY = "ready"
    FAILED = "failed"


class SimilarView(View):
    """Another readable document that says the same, or nearly.

    Attributes:
        similarity: Estimated share of common runs of words, 0-1.
        identical: It is the same file, byte for byte.
    """

    document_id: UUID
    filename: str
    version_number: int
    collection_name: str
    similarity: float
    identical: bool


class DeletionView(View):
    """That something is gone, from where, and until when backups may hold it.

    Attributes:
        subject: document, version, collection, user or organization.
        left: What a scan over all stores still found; until nothing is and ``completed_at`` is set, it is gone on with.
    """

    id: UUID
    subject: str
    subject_id: UUID
    requested_by: str
    removed: dict[str, int]
    left: dict[str, int]
    created_at: datetime
    completed_at: datetime | None
    backups_until: date | None


class MaintenanceView(View):
    """A round of upkeep over the whole installation.

    Attributes:
        started_at: None while a worker is waited for; ``ended_at`` is None until it is through.
        found: What was wrong.
        repaired: What is right now; the rest is named in ``details`` and in the guide.
        error: Why it was broken off; None if it was not.
    """

    id: UUID
    kind: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    found: int
    repaired: int
    details: dict[str, int]
    error: str | None


class OrganizationView(View):
    """An organisation as the operator sees it.

    Attributes:
        users: Accounts, closed ones too.
        documents: With those that lay in the file of another, and with files people keep for themselves.
        has_last_operator: It has one and no other organisation has, so it is not deleted through the API.
    """

    id: UUID
    name: str
    plan: str
    created_at: datetime
    users: int
    documents: int
    is_being_deleted: bool
    has_last_operator: bool


class CoverageView(View):
    """How much of a file was read; pages without text were empty, damaged, or pictures in which none was recognised."""

    pages: int
    pages_with_text: int
    pages_recognised: int
    tables: int
    headings: int
    characters: int


class Receipt(View):
    """What an upload gives back, and what polling it shows until ``status`` is completed or failed.

    Attributes:
        progress: 0–100.
        failure_code: Stable word for the cause; ``error_message`` says it in plain words and ``next_step`` what to do.
        warnings: What could not be read of a file that was read, such as a damaged page.
        unchanged: The content was there already; nothing had to be done.
        queue_position: How many documents of the organisation come before it and itself, while it waits.
        pages_done: Of ``pages``, those that are searchable or will be with the switch, while it is read.
        seconds_left: An estimate from what it took so far, while it is read.
        stages: Seconds that each stage took.
        coverage: How much of the file was read, once it was.
        note: What is special about this upload, in plain words; only in the answer to it.
        similar: Readable documents with the same content, and once it was read with nearly the same.
    """

    task_id: UUID
    document_id: UUID
    version_id: UUID
    version_number: int
    filename: str
    size_bytes: int
    status: TaskStatus
    stage: IngestionStage
    progress: int
    attempts: int = 0
    pages: int | None = None
    pages_done: int | None = None
    chunks: int | None = None
    failure_code: str | None = None
    error_message: str | None = None
    next_step: str | None = None
    warnings: tuple[str, ...] = ()
    unchanged: bool = False
    note: str = ""
    similar: tuple[SimilarView, ...] = ()
    queue_position: int | None = None
    seconds_left: int | None = None
    stages: dict[str, float] = {}
    coverage: CoverageView | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None


class UploadView(View):
    """A file that comes in piece by piece.

    Attributes:
        offset: So many of its bytes are safe; the next piece begins there.
        expires_at: What is unfinished then is removed; each piece moves it on.
        receipt: Once it is whole and handed in.
    """

    id: UUID
    filename: str
    size_bytes: int
    offset: int
    expires_at: datetime
    receipt: Receipt | None


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


class ChatView(View):
    """A conversation."""

    id: UUID
    title: str
    total_messages: int
    total_tokens: int
    total_cost: float
    created_at: datetime
    updated_at: datetime


class ChatPage(View):
    """A page of conversations, newest first."""

    items: tuple[ChatView, ...]
    next_cursor: str | None


class MessageView(View):
    """One stored message; ``citations`` and ``sentences`` are empty for questions.

    Attributes:
        task_ids: Receipts of files handed in with it.
        as_of: The moment whose documents answered; None when those of the time it was asked did.
    """

    id: UUID
    chat_id: UUID
    role: Literal["user", "assistant"]
    content: str
    citations: tuple[Citation, ...] = ()
    sentences: tuple[SentenceEvent, ...] = ()
    notices: tuple[str, ...] = ()
    outcome: str = "answered"
    token_count: int = 0
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    created_at: datetime
    feedback: int | None = None
    model: str = ""
    task_ids: tuple[UUID, ...] = ()
    as_of: datetime | None = None


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


class HealthItem(View):
    """How one part is; ``detail`` says in plain words what is wrong and how to mend it."""

    name: str
    kind: str
    status: str
    detail: str = ""
    latency_ms: float = 0.0


class HealthReport(View):
    """How the whole is: ``ready`` when questions can be answered, even if something is degraded."""

    ready: bool
    status: str
    items: tuple[HealthItem, ...]
