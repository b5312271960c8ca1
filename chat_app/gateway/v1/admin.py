"""Routes: what does the operator of the installation see and start?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from services.maintenance.findings import MaintenanceKind
from services.views.deletion import DeletionView
from services.views.operations import MaintenanceView, OrganizationView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["operation"])


@router.get("/organizations")
async def organizations(services: App, principal: Caller) -> tuple[OrganizationView, ...]:
    """All organisations with their people and documents, oldest first; for operators."""
    return await services.tenants.organizations(principal)


@router.delete("/organizations/{organization_id}", status_code=202)
async def delete_organization(organization_id: UUID, services: App, principal: Caller, client: Client) -> DeletionView:
    """Remove an organisation, also one's own: it answers nobody from now on, and a worker removes all it has."""
    return await services.tenants.delete_organization(principal, organization_id, client=client)


@router.get("/organizations/deletions")
async def organization_deletions(services: App, principal: Caller) -> tuple[DeletionView, ...]:
    """Receipts of organisations that were deleted; for operators."""
    return await services.tenants.deletions(principal)


@router.get("/maintenance")
async def reports(
    services: App, principal: Caller, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> tuple[MaintenanceView, ...]:
    """What rounds of upkeep found and mended, the newest first; for operators."""
    return await services.tenants.reports(principal, limit=limit)


@router.post("/maintenance/{kind}", status_code=202)
async def start(kind: MaintenanceKind, services: App, principal: Caller, client: Client) -> MaintenanceView:
    """Have a worker begin a round now; one that waits or is under way is given back."""
    return await services.tenants.start(principal, kind, client=client)
