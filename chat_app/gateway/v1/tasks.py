"""Routes: how far is reading a document, and how is it stopped?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from services.views.uploads import Receipt

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["documents"])


@router.get("/tasks")
async def tasks(
    services: App, principal: Caller, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> tuple[Receipt, ...]:
    """The newest receipts."""
    return await services.tasks.list_tasks(principal, limit=limit)


@router.get("/tasks/{task_id}")
async def task(task_id: UUID, services: App, principal: Caller) -> Receipt:
    """One receipt."""
    return await services.tasks.receipt(principal, task_id)


@router.post("/tasks/{task_id}/cancel")
async def cancel(task_id: UUID, services: App, principal: Caller, client: Client) -> Receipt:
    """Stop reading a document."""
    return await services.tasks.cancel(principal, task_id, client=client)
