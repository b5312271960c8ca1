"""Routes: which models does an organisation allow?"""

from __future__ import annotations

from fastapi import APIRouter

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from chat_app.gateway.schemas import AllowedModels

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["models"])


@router.get("/organization/models")
async def allowed_models(services: App, principal: Caller) -> AllowedModels:
    """Models the caller's organisation allows."""
    return AllowedModels(models=await services.data_policy.allowed_models(principal))


@router.put("/organization/models")
async def allow_models(body: AllowedModels, services: App, principal: Caller, client: Client) -> AllowedModels:
    """Allow only these; for administrators."""
    return AllowedModels(models=await services.data_policy.allow_models(principal, body.models, client=client))
