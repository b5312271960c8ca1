"""What do bodies of requests look like?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from core.identity import Role
from core.types import DataClass
from services.models.model_policy import MAX_GLOB, MAX_GLOBS
from services.settings.versions import MAX_REASON


class Body(BaseModel):
    """Bodies of requests: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LoginBody(Body):
    """E-mail and password."""

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=1024)


class RefreshBody(Body):
    """A refresh token; without one, the cookie's is taken."""

    refresh_token: str = Field(default="", max_length=200)


class TokenView(Body):
    """Tokens as programs get them."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int


class NewUser(Body):
    """A person to add."""

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=1024)
    role: Role = Role.VIEWER


class UserChange(Body):
    """What changes about a person."""

    role: Role | None = None
    is_active: bool | None = None


class ChatRequest(Body):
    """A question, in a conversation or beginning one."""

    question: str = Field(min_length=1, max_length=10_000)
    chat_id: UUID | None = None
    collection_ids: frozenset[UUID] | None = None
    document_ids: frozenset[UUID] | None = None
    as_of: AwareDatetime | None = None
    """Answer from the versions that answered at this moment."""


class TitleBody(Body):
    """A conversation's title."""

    title: str = Field(default="", max_length=200)


class FeedbackBody(Body):
    """A thumb: 1, -1, or 0 to take it back."""

    value: int = Field(ge=-1, le=1)
    comment: str = Field(default="", max_length=2000)


class CollectionChange(Body):
    """What changes about a collection; what is not named stays. ``retention_days`` null keeps documents for ever."""

    data_class: DataClass | None = None
    retention_days: int | None = None


class AllowedModels(Body):
    """Names or globs of models; an empty list allows all."""

    models: tuple[Annotated[str, Field(min_length=1, max_length=MAX_GLOB)], ...] = Field(max_length=MAX_GLOBS)


class Changes(Body):
    """Dotted keys and their new values; null takes a key back to what the files say."""

    changes: dict[str, JsonValue] = Field(min_length=1, max_length=200)


class Save(Changes):
    """What changes, and why."""

    reason: str = Field(min_length=1, max_length=MAX_REASON)
    expected: int | None = Field(default=None, ge=0)


class Restore(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=MAX_REASON)
