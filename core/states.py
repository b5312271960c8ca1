"""Which states do documents and tasks go through, and what can be deleted?"""

from __future__ import annotations

from enum import StrEnum


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


class DeletionSubject(StrEnum):
    """What a receipt of a deletion speaks of."""

    ORGANIZATION = "organization"
    COLLECTION = "collection"
    DOCUMENT = "document"
    VERSION = "version"
    USER = "user"
