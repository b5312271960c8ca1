"""What is known about documents, their versions and their chunks?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from core.states import DocumentStatus
from core.types import JsonValue
from db.base import Base, Tenant, one_of
from db.models.accounts import EMPTY_OBJECT

EMPTY_LIST = text("'[]'::jsonb")


class Collection(Tenant, Base):
    """A document set; open to its organisation, or to those it is granted to."""

    __tablename__ = "collections"
    __table_args__ = (
        CheckConstraint("data_class in ('internal', 'confidential')", name="data_class"),
        CheckConstraint("retention_days > 0", name="retention_days"),
        Index(
            "uq_collections_organization_id_name",
            "organization_id",
            "name",
            unique=True,
            postgresql_where=text("not is_deleted and user_id is null"),
        ),
        Index("uq_collections_user_id", "user_id", unique=True, postgresql_where=text("not is_deleted")),
    )

    name: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    """Whose own files these are, which nobody else reads, whatever their role; None for all that is shared."""
    is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    data_class: Mapped[str] = mapped_column(server_default="internal")
    retention_days: Mapped[int | None]
    """Documents go so many days after their answering version began to answer; None keeps them."""


class Grant(Tenant, Base):
    """A collection opened to one user or one group."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("num_nonnulls(user_id, group_id) = 1", name="one_grantee"),
        UniqueConstraint("collection_id", "user_id"),
        UniqueConstraint("collection_id", "group_id"),
    )

    collection_id: Mapped[UUID] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)


class Document(Tenant, Base):
    """A document as people know it: a name in a collection. What it says is in its versions."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(one_of("status", DocumentStatus), name="status"),
        Index(
            "uq_documents_collection_id_filename",
            "collection_id",
            "filename",
            unique=True,
            postgresql_where=text("not is_deleted"),
        ),
        Index("ix_documents_organization_id_created_at", "organization_id", "created_at"),
    )

    collection_id: Mapped[UUID] = mapped_column(ForeignKey("collections.id"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """Who uploaded it; None once they were deleted and it stayed."""
    parent_document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)
    """The document in whose file it lay, such as the mail it was attached to; None for what a person handed in."""
    filename: Mapped[str]
    file_path: Mapped[str]
    mime_type: Mapped[str]
    file_size: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[DocumentStatus] = mapped_column(server_default=DocumentStatus.PENDING)
    error_message: Mapped[str | None]
    indexed_at: Mapped[datetime | None]
    active_version_id: Mapped[UUID | None]
    meta: Mapped[dict[str, JsonValue]] = mapped_column("metadata", server_default=EMPTY_OBJECT)

    @property
    def answers(self) -> bool:
        """Whether questions meet one of its versions."""
        return self.active_version_id is not None

    def not_read(self, problem: str) -> None:
        """Reading a version came to nothing: it goes on answering by another one, or else has failed."""
        if self.answers:
            self.status = DocumentStatus.READY
        else:
            self.status, self.error_message = DocumentStatus.FAILED, problem


class DocumentVersion(Tenant, Base):
    """One content of a document.

    ``valid_from`` and ``valid_to`` are when it first began and last ended to answer; between them another may have
    answered, see ``VersionPeriod``.
    """

    __tablename__ = "document_versions"
    __table_args__ = (UniqueConstraint("document_id", "number"),)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    number: Mapped[int]
    content_hash: Mapped[str] = mapped_column(index=True)
    file_path: Mapped[str]
    filename: Mapped[str]
    mime_type: Mapped[str]
    file_size: Mapped[int] = mapped_column(BigInteger)
    page_count: Mapped[int | None]
    chunk_count: Mapped[int | None]
    paged: Mapped[bool] = mapped_column(server_default=text("true"))
    pages: Mapped[list[JsonValue]] = mapped_column(server_default=EMPTY_LIST, deferred=True)
    """``[{number, label, text}]`` as parsed; what citations' character spans count in."""
    embedding_model: Mapped[str | None]
    chunking: Mapped[str | None]
    """Rules by which it was cut; None for what was indexed before they were noted."""
    signature: Mapped[bytes | None] = mapped_column(deferred=True)
    """MinHash of its text, see ``services.uploads.near_duplicates``; None for what was read before there were any."""
    term_counts: Mapped[bytes | None] = mapped_column(deferred=True)
    """What it adds to the statistics while it answers, see ``services.search_index.term_statistics``.
    None for what was read before."""
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    failure_code: Mapped[str | None]
    error_message: Mapped[str | None]
    meta: Mapped[dict[str, JsonValue]] = mapped_column("metadata", server_default=EMPTY_OBJECT)


class VersionPeriod(Tenant, Base):
    """From when to when a version was the one that answered; open while it is. Periods of a document lie apart."""

    __tablename__ = "version_periods"
    __table_args__ = (
        CheckConstraint("valid_to > valid_from", name="order"),
        UniqueConstraint("document_id", "valid_from"),
        Index("uq_version_periods_open", "document_id", unique=True, postgresql_where=text("valid_to IS NULL")),
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id", ondelete="CASCADE"), index=True)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class VersionBand(Tenant, Base):
    """A band of a version's signature: versions that share one are probably much alike."""

    __tablename__ = "version_bands"
    __table_args__ = (
        UniqueConstraint("version_id", "band"),
        Index("ix_version_bands_organization_id_band", "organization_id", "band"),
    )

    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id", ondelete="CASCADE"))
    band: Mapped[int] = mapped_column(BigInteger)


class DocumentChunk(Tenant, Base):
    """A piece of a version; ``content`` is exactly these characters of its page.

    One that was replaced, because a version is cut otherwise now, is marked deleted and still opens for its citations.
    """

    __tablename__ = "document_chunks"
    __table_args__ = (
        Index(
            "uq_document_chunks_version_id_chunk_index",
            "version_id",
            "chunk_index",
            unique=True,
            postgresql_where=text("not is_deleted"),
        ),
        Index("ix_document_chunks_tsv", "tsv", postgresql_using="gin"),
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id", ondelete="CASCADE"))
    chunk_index: Mapped[int]
    content: Mapped[str]
    context: Mapped[str] = mapped_column(server_default="")
    token_count: Mapped[int]
    page: Mapped[int]
    page_label: Mapped[str] = mapped_column(server_default="")
    char_start: Mapped[int]
    char_end: Mapped[int]
    heading_path: Mapped[list[JsonValue]] = mapped_column(server_default=EMPTY_LIST)
    language: Mapped[str] = mapped_column(server_default="und")
    tsv: Mapped[str] = mapped_column(TSVECTOR, deferred=True)


class TermStatistic(Tenant, Base):
    """In how many chunks of active versions of an organisation a term occurs.

    The row of term -1 counts the chunks, that of -2 their terms.
    """

    __tablename__ = "term_statistics"
    __table_args__ = (UniqueConstraint("organization_id", "term_id"),)

    term_id: Mapped[int]
    document_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
