"""Routes: which versions has a document, what changed between them, and how does one answer again?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from services.views.versions import DiffView, RestoreView, VersionView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1/documents/{document_id}/versions", tags=["documents"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
async def versions(document_id: UUID, services: App, principal: Caller) -> tuple[VersionView, ...]:
    """All versions, the newest first, and when each answered."""
    return await services.versions.list_all(principal, document_id)


@router.get("/{before}/diff/{after}")
async def diff(document_id: UUID, before: Number, after: Number, services: App, principal: Caller) -> DiffView:
    """What changed from one version to another, by their numbers."""
    return await services.versions.diff(principal, document_id, before, after)


@router.post("/{number}/restore")
async def restore(document_id: UUID, number: Number, services: App, principal: Caller, client: Client) -> RestoreView:
    """Make a version answer again."""
    return await services.versions.restore(principal, document_id, number, client=client)
