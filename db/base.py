"""What do all tables share?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Dialect, MetaData, String, TypeDecorator, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.states import DeletionSubject, DocumentStatus, IngestionStage, MessageRole, TaskStatus, TaskType
from core.types import JsonValue

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Word(TypeDecorator[StrEnum]):
    """A word of a closed set; text in the database.

    Args:
        words: The set; another word is refused before it is written.
    """

    impl = String
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        """As text."""
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """As a member of the set."""
        return None if value is None else self.words(value)


def one_of(column: str, words: Iterable[StrEnum]) -> str:
    """SQL for constraints and partial indexes, where nothing is bound: whether a column has one of the words."""
    return f"{column} in ({', '.join(repr(word.value) for word in words)})"


class Base(DeclarativeBase):
    """Root of all models."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, JsonValue]: JSONB,
        list[JsonValue]: JSONB,
        UUID: Uuid(),
        **{
            words: Word(words)
            for words in (DeletionSubject, DocumentStatus, IngestionStage, MessageRole, TaskStatus, TaskType)
        },
    }


class Common:
    """The columns every table has: id, times, tombstone."""

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    is_deleted: Mapped[bool] = mapped_column(server_default=text("false"), index=True, default=False)


class Tenant(Common):
    """A row that belongs to one organisation; row-level security looks at this column."""

    organization_id: Mapped[UUID] = mapped_column(index=True)
