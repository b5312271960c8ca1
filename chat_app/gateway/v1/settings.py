"""Routes: which settings are in force, and who changed them?"""

from __future__ import annotations

from fastapi import APIRouter

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from chat_app.gateway.schemas import Changes, Restore, Save
from services.search_index.indexes import IndexView
from services.settings.versions import Preview, Setting, Version

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1/settings", tags=["settings"])


@router.get("")
async def show(services: App, principal: Caller) -> tuple[Setting, ...]:
    """Every setting with its value, where it comes from, and what locks it; for operators."""
    return await services.saved_settings.show(principal)


@router.get("/versions")
async def versions(services: App, principal: Caller, limit: int = 50) -> tuple[Version, ...]:
    """Who changed what, when and why; the newest first."""
    return await services.saved_settings.history(principal, limit=min(max(limit, 1), 200))


@router.post("/preview")
async def preview(body: Changes, services: App, principal: Caller) -> Preview:
    """What a change would do; nothing is saved."""
    return await services.saved_settings.preview(principal, body.changes)


@router.put("")
async def save(body: Save, services: App, principal: Caller, client: Client) -> Version:
    """Save a change; every process takes it up within seconds."""
    return await services.saved_settings.save(
        principal, body.changes, reason=body.reason, expected=body.expected, client=client
    )


@router.get("/indexes")
async def indexes(services: App, principal: Caller) -> tuple[IndexView, ...]:
    """The indexes that answer and how far each is: after another model or store was chosen, documents move."""
    return await services.index_progress.list(principal)


@router.post("/versions/{number}/restore")
async def restore(number: int, body: Restore, services: App, principal: Caller, client: Client) -> Version:
    """Put an earlier version in force again; 0 is what the files say."""
    return await services.saved_settings.restore(principal, number, reason=body.reason, client=client)
