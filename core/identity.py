"""Who is asking, and what may they do?"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from core.errors import AuthorizationError


class Role(StrEnum):
    """A person's role in an organisation, weakest first; ``operator`` stands above organisations."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OPERATOR = "operator"

    def includes(self, other: Role) -> bool:
        """Whether this role may do everything the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(StrEnum):
    """What a credential may be used for; a session has all, an API key those it was made with."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class EntryPoint(StrEnum):
    """The door a principal came through."""

    SESSION = "session"
    API_KEY = "api_key"
    CLI = "cli"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a service, made from a session or key, never from a request body.

    Attributes:
        collection_ids: Collections granted to the user or one of their groups. Collections open to the whole
            organisation are readable beside these; administrators read all of their organisation.
        session_id: The session or key that proved the identity; None for the CLI and the worker.
    """

    user_id: UUID
    organization_id: UUID
    role: Role
    email: str
    scopes: frozenset[Scope] = frozenset(Scope)
    group_ids: frozenset[UUID] = field(default_factory=frozenset)
    collection_ids: frozenset[UUID] = field(default_factory=frozenset)
    entry_point: EntryPoint = EntryPoint.SESSION
    session_id: UUID | None = None

    def require(self, role: Role, scope: Scope = Scope.READ) -> None:
        """Raise unless the principal has at least this role and this scope.

        Raises:
            AuthorizationError: It has not.
        """
        if not self.role.includes(role):
            raise AuthorizationError(
                f"This needs the role {role.value}; yours is {self.role.value}.",
                next_step="Ask an administrator of your organisation.",
            )
        if scope not in self.scopes:
            raise AuthorizationError(
                f"This credential has no {scope.value} scope.",
                next_step="Use a key that was made with it.",
            )
