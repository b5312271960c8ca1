"""What does an upload give back?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from core.states import IngestionStage, TaskStatus
from services.views.base import View


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


class OrderView(View):
    """A sentence of a document that gives orders to whoever reads it for others, such as a model.

    Attributes:
        score: 0-1, the greater the plainer.
    """

    sentence: str
    score: float


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
        orders: Sentences that give orders to whoever reads the file for others; they stay data.
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
    orders: tuple[OrderView, ...] = ()
    unchanged: bool = False
    note: str = ""
    similar: tuple[SimilarView, ...] = ()
    queue_position: int | None = None
    seconds_left: int | None = None
    stages: dict[str, float] = Field(default_factory=dict)
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
