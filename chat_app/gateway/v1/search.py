"""Route: what does a search without an answer find?"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from chat_app.gateway.authentication import App, Caller, ClosedRoute
from services.search.retriever import SearchMode
from services.views.search import SearchHit

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["search"])


@router.get("/search")
async def search(
    services: App,
    principal: Caller,
    q: Annotated[str, Query(min_length=1, max_length=10_000)],
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
    mode: SearchMode = SearchMode.HYBRID,
    collection_id: Annotated[list[UUID] | None, Query()] = None,
    as_of: AwareDatetime | None = None,
) -> tuple[SearchHit, ...]:
    """The best passages, ``retrieval.default_k`` of them unless ``limit`` says how many.

    With ``as_of`` those of the versions that answered at that moment.
    """
    scope = frozenset(collection_id) if collection_id is not None else None
    return await services.search.search(principal, q, limit=limit, mode=mode, collection_ids=scope, as_of=as_of)
