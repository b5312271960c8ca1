"""Routes: who belongs to the organisation?"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from chat_app.gateway.schemas import NewUser, UserChange
from core.errors import ValidationError
from services.views.accounts import AccountView
from services.views.deletion import DeletionView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["users"])


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


@router.delete("/users/{user_id}")
async def delete_user(
    user_id: UUID, services: App, principal: Caller, client: Client, documents: bool = False
) -> DeletionView:
    """Remove a person with conversations and credentials; with ``documents`` also what they uploaded."""
    return await services.removal.delete_user(principal, user_id, with_documents=documents, client=client)
