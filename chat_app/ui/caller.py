"""Who is behind the request or socket that is being served?

Chainlit hands its callbacks neither request nor principal. The door sets the caller before anything of Chainlit runs;
tasks that are started below it inherit it.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from core.errors import AuthenticationError
from core.identity import Principal
from services.audit import ClientInfo


@dataclass(frozen=True, slots=True)
class ChatCaller:
    """A signed-in person and where they come from."""

    principal: Principal
    client: ClientInfo


CALLER: ContextVar[ChatCaller | None] = ContextVar("chat_caller", default=None)


def caller() -> ChatCaller:
    """The caller.

    Raises:
        AuthenticationError: There is none.
    """
    found = CALLER.get()
    if found is None:
        raise AuthenticationError("You are not signed in.", next_step="Sign in.")
    return found
