"""Routes: who belongs to the organisation?"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from chat_app.gateway.v1.auth import Body
from core.errors import ValidationError
from core.identity import Role
from services.views.accounts import AccountView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["users"])


class NewUser(Body):
    """A person to add."""

    email: str = Field(min_length=3, max_length=254)
    password: str = Field(min_length=1, max_length=1024)
    role: Role = Role.VIEWER


class UserChange(Body):
    """What changes about a person."""

    role: Role | None = None
    is_active: bool | None = None


@router.get("/users")
async def users(services: App, principal: Caller) -> tuple[AccountView, ...]:
    """Everybody in the organisation."""
    return await services.accounts.list_users(principal)


@router.post("/users", status_code=201)
async def create_user(body: NewUser, services: App, principal: Caller, client: Client) -> AccountView:
    """Add a person."""
    return await services.accounts.create_user(
        principal, email=body.email, password=body.password, role=body.role, client=client
    )


@router.patch("/users/{user_id}")
async def change_user(user_id: UUID, body: UserChange, services: App, principal: Caller, client: Client) -> AccountView:
    """Change role or close an account."""
    changed: AccountView | None = None
    if body.role is not None:
        changed = await services.accounts.set_role(principal, user_id, body.role, client=client)
    if body.is_active is not None:
        changed = await services.accounts.set_active(principal, user_id, body.is_active, client=client)
    if changed is None:
        raise ValidationError("Nothing to change was named.", next_step="Send role or is_active.")
    return changed
