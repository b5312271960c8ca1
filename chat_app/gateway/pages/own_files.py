"""Page: what did somebody hand in, and how does he remove it?"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from chat_app.gateway.authentication import SESSION_COOKIE
from chat_app.gateway.pages import page_text
from services.access import OWN_FILES

router = APIRouter(include_in_schema=False)


@router.get("/files")
async def own_files(request: Request) -> Response:
    """The page, which asks the API; whoever is not signed in signs in first."""
    if not request.cookies.get(SESSION_COOKIE):
        return RedirectResponse("/login?next=/files", 303)
    return HTMLResponse(page_text("files.html").replace("{own}", OWN_FILES))
