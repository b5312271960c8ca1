"""Routes: what documents are there, and how do they come in?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, UploadFile
from fastapi.responses import FileResponse

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from core.states import DocumentStatus
from services.views.deletion import DeletionView
from services.views.documents import DocumentPage, DocumentView, PartsView
from services.views.uploads import Receipt

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["documents"])
BLOCK = 1 << 18


@router.get("/documents")
async def list_documents(
    services: App,
    principal: Caller,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    status: DocumentStatus | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    mine: bool = False,
) -> DocumentPage:
    """Documents, newest first; with ``mine`` those alone that the caller handed in."""
    return await services.documents.list_page(principal, cursor=cursor, limit=limit, status=status, query=q, mine=mine)


@router.post("/documents", status_code=202)
async def upload(
    file: UploadFile,
    services: App,
    principal: Caller,
    client: Client,
    collection_id: UUID | None = None,
    document_id: UUID | None = None,
) -> Receipt:
    """Hand in a file, of a new document or, with ``document_id``, a version of one; the receipt says how far it is."""
    return await services.ingestion.upload(
        principal,
        filename=file.filename or "",
        chunks=_blocks(file),
        collection_id=collection_id,
        document_id=document_id,
        client=client,
    )


@router.get("/documents/{document_id}")
async def document(document_id: UUID, services: App, principal: Caller) -> DocumentView:
    """One document."""
    return await services.documents.get(principal, document_id)


@router.get("/documents/{document_id}/parts")
async def parts(services: App, principal: Caller, document_id: UUID) -> PartsView:
    """What lay in its file, such as the attachments of a mail, and how far each is."""
    return await services.documents.parts(principal, document_id)


@router.delete("/documents/{document_id}")
async def delete_document(document_id: UUID, services: App, principal: Caller, client: Client) -> DeletionView:
    """Remove a document with all that was made of it; the receipt says what went."""
    return await services.documents.delete(principal, document_id, client=client)


@router.post("/documents/{document_id}/reindex", status_code=202)
async def reindex(document_id: UUID, services: App, principal: Caller, client: Client) -> Receipt:
    """Read a document again."""
    return await services.ingestion.reindex(principal, document_id, client=client)


@router.get("/documents/{document_id}/versions/{version_id}/file")
async def file(document_id: UUID, version_id: UUID, services: App, principal: Caller) -> FileResponse:
    """The file as it was handed in; always as a download, never shown as a page of this site."""
    path, mime_type, filename = await services.documents.file(principal, document_id, version_id)
    return FileResponse(path, media_type=mime_type, filename=filename)


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(BLOCK):
        yield block
