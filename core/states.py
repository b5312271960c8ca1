"""Which states do documents and tasks go through, and which words are kept for what people do?"""

from __future__ import annotations

from enum import StrEnum


class DocumentStatus(StrEnum):
    """The owner's four states; ``stage`` of a receipt is finer."""

    PENDING = "pending"
    INDEXING = "indexing"
    READY = "ready"
    FAILED = "failed"


class TaskType(StrEnum):
    """What a task does with a version of a document."""

    INGEST = "ingest"
    """Read it, after which it answers."""
    MOVE = "move"
    """Carry it, while it answers, to another index or another way of cutting."""


class TaskStatus(StrEnum):
    """States of a task."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or is worked on; otherwise it has ended and stays as it is."""
        return self in UNDER_WAY


UNDER_WAY = (TaskStatus.QUEUED, TaskStatus.RUNNING)
ENDED = (TaskStatus.COMPLETED, TaskStatus.FAILED)


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


class MessageRole(StrEnum):
    """Who says something in a conversation that is kept."""

    USER = "user"
    ASSISTANT = "assistant"


class DeletionSubject(StrEnum):
    """What a receipt of a deletion speaks of."""

    ORGANIZATION = "organization"
    COLLECTION = "collection"
    DOCUMENT = "document"
    VERSION = "version"
    USER = "user"
