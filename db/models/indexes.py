"""Where do vectors lie?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.types import JsonValue
from db.base import Base, Tenant


class SearchIndex(Tenant, Base):
    """One collection of one store, filled by one embedding model; of the zero organisation, as all share it.

    ``plugins`` are the entries it was made with, by kind and without secrets: while documents are moved away,
    they still answer for those that are not.
    """

    __tablename__ = "search_indexes"
    __table_args__ = (UniqueConstraint("store", "collection"),)

    store: Mapped[str]
    collection: Mapped[str]
    model: Mapped[str]
    plugins: Mapped[dict[str, JsonValue]]
    retired_at: Mapped[datetime | None]


class IndexedVersion(Tenant, Base):
    """All vectors of a version are in an index."""

    __tablename__ = "indexed_versions"
    __table_args__ = (UniqueConstraint("version_id", "index_id"),)

    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id", ondelete="CASCADE"))
    index_id: Mapped[UUID] = mapped_column(ForeignKey("search_indexes.id", ondelete="CASCADE"), index=True)


class KeptVectors(Tenant, Base):
    """Vectors of some chunks of a version, beside the stores, which hold only those of versions that answer.

    ``vectors`` is ``(len(chunk_ids), dim)`` in half precision, little-endian. With them a version answers again, and a
    store that lost its vectors gets them back, without the model.
    """

    __tablename__ = "kept_vectors"
    __table_args__ = (UniqueConstraint("version_id", "position"),)

    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id", ondelete="CASCADE"))
    position: Mapped[int]
    """Of the first chunk among those of the version."""
    model: Mapped[str]
    chunk_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    vectors: Mapped[bytes] = mapped_column(LargeBinary)
