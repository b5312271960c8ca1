"""What work is under way, and who holds it?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pgvector.sqlalchemy import Vector
from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, ForeignKey, Identity, Index, func, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from core.states import UNDER_WAY, IngestionStage, TaskStatus, TaskType
from core.types import JsonValue
from db.base import Base, Tenant, one_of
from db.models.accounts import EMPTY_OBJECT


class Task(Tenant, Base):
    """A piece of background work.

    A worker holds it by a lease: ``lease_until`` is moved on by its heartbeat, and ``attempts`` is the fencing token
    that every write of that worker carries. At most one unfinished task per version.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(one_of("status", TaskStatus), name="status"),
        CheckConstraint("progress between 0 and 100", name="progress"),
        Index(
            "uq_tasks_version_id_open",
            "version_id",
            unique=True,
            postgresql_where=text(one_of("status", UNDER_WAY)),
        ),
        Index("ix_tasks_status_lease_until", "status", "lease_until"),
    )

    task_type: Mapped[TaskType]
    status: Mapped[TaskStatus] = mapped_column(server_default=TaskStatus.QUEUED)
    stage: Mapped[IngestionStage] = mapped_column(server_default=IngestionStage.RECEIVED)
    progress: Mapped[int] = mapped_column(server_default="0")
    job_id: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    failure_code: Mapped[str | None]
    error_message: Mapped[str | None]
    next_step: Mapped[str | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("document_versions.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None]
    meta: Mapped[dict[str, JsonValue]] = mapped_column("metadata", server_default=EMPTY_OBJECT)

    @hybrid_property
    def is_under_way(self) -> bool:
        """Whether it waits or is worked on."""
        return self.status.is_under_way

    @is_under_way.inplace.expression
    @classmethod
    def _is_under_way(cls) -> ColumnElement[bool]:
        return cls.status.in_(UNDER_WAY)

    @classmethod
    def is_let_go(cls) -> ColumnElement[bool]:
        """SQL: whether a worker has it whose lease ran out."""
        return (cls.status == TaskStatus.RUNNING) & (cls.lease_until < func.now())


class OutboxEntry(Tenant, Base):
    """A job to enqueue: written with the row it speaks of, deleted when the queue has it."""

    __tablename__ = "outbox"

    topic: Mapped[str]
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    available_at: Mapped[datetime] = mapped_column(server_default=text("now()"), index=True)


class WorkerBeat(Tenant, Base):
    """When each worker was last alive; of the zero organisation, as workers serve all."""

    __tablename__ = "worker_beats"

    name: Mapped[str] = mapped_column(unique=True)
    last_seen_at: Mapped[datetime]


class SemanticCacheEntry(Tenant, Base):
    """An answer kept for questions of the same meaning."""

    __tablename__ = "semantic_cache"

    query_hash: Mapped[str] = mapped_column(index=True)
    query_text: Mapped[str]
    query_embedding: Mapped[list[float]] = mapped_column(Vector())
    response: Mapped[dict[str, JsonValue]]
    hit_count: Mapped[int] = mapped_column(server_default="0")
    last_used_at: Mapped[datetime] = mapped_column(server_default=text("now()"), index=True)
    ttl_seconds: Mapped[int] = mapped_column(server_default="3600")


class SettingsVersion(Tenant, Base):
    """Settings as an operator saved them; the newest is in force, for the whole installation."""

    __tablename__ = "settings_versions"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    content: Mapped[dict[str, JsonValue]]
    changes: Mapped[dict[str, JsonValue]]
    reason: Mapped[str]
    restored_number: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[UUID]
