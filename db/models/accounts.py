"""Who belongs to which organisation, and how do they prove it?"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.types import JsonValue
from db.base import Base, Common, Tenant

EMPTY_OBJECT = text("'{}'::jsonb")


class Organization(Common, Base):
    """A department; the wall that nothing crosses."""

    __tablename__ = "organizations"
    __table_args__ = (CheckConstraint("plan in ('free', 'pro', 'enterprise')", name="plan"),)

    organization_id: Mapped[UUID] = mapped_column(Computed("id", persisted=True), index=True)
    name: Mapped[str]
    plan: Mapped[str] = mapped_column(server_default="free")
    billing_email: Mapped[str | None]
    max_users: Mapped[int] = mapped_column(server_default="5")
    max_documents: Mapped[int] = mapped_column(server_default="100")
    settings: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)


class User(Tenant, Base):
    """A person; the e-mail address is unique over all organisations and kept in lower case."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role in ('viewer', 'editor', 'admin', 'operator')", name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )

    email: Mapped[str] = mapped_column(unique=True)
    hashed_password: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="viewer")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    preferences: Mapped[dict[str, JsonValue]] = mapped_column(server_default=EMPTY_OBJECT)
    last_login_at: Mapped[datetime | None]


class Group(Tenant, Base):
    """People who are granted things together."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str]


class GroupMember(Tenant, Base):
    """A person in a group."""

    __tablename__ = "group_members"
    __table_args__ = (UniqueConstraint("group_id", "user_id"),)

    group_id: Mapped[UUID] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class Session(Tenant, Base):
    """A sign-in. The refresh token is kept as a digest and changes at each use; a reused one ends the session."""

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_hash: Mapped[str] = mapped_column(unique=True)
    previous_refresh_hash: Mapped[str | None] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]


class FederatedIdentity(Tenant, Base):
    """A person as another service knows them; its subject never changes, an e-mail address may."""

    __tablename__ = "federated_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str]
    subject: Mapped[str]


class SignInLink(Tenant, Base):
    """A link that signs its owner in once."""

    __tablename__ = "sign_in_links"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiKey(Tenant, Base):
    """A key for programs; only its digest is kept."""

    __tablename__ = "api_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    key_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[JsonValue]] = mapped_column(server_default=text("'[\"read\"]'::jsonb"))
    rate_limit: Mapped[int] = mapped_column(server_default="100")
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
