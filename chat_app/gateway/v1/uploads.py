"""Routes: how does a large file come in over a line that breaks?

The open protocol tus 1.0.0 (https://tus.io/protocols/resumable-upload), with creation, expiration and termination, for
which there are clients in most languages.
"""

from __future__ import annotations

import base64
import binascii
from email.utils import format_datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from chat_app.gateway.authentication import App, Caller, Client, ClosedRoute
from core.errors import ValidationError
from services.views.uploads import UploadView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1/uploads", tags=["uploads"])
VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
PIECE = "application/offset+octet-stream"


@router.options("", status_code=204)
async def abilities(services: App, _: Caller) -> Response:
    """What of the protocol is spoken here, and how large a file may be."""
    return Response(
        status_code=204,
        headers={
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(services.uploads.max_file_bytes),
        },
    )


@router.post("", status_code=201)
async def begin(
    services: App,
    principal: Caller,
    upload_length: Annotated[int, Header()],
    upload_metadata: Annotated[str, Header()] = "",
    tus_resumable: Annotated[str, Header()] = VERSION,
) -> Response:
    """Announce a file; ``Upload-Metadata`` has its ``filename``, and ``collection_id`` or ``document_id`` if wanted."""
    _speaks(tus_resumable)
    said = _metadata(upload_metadata)
    view = await services.uploads.begin(
        principal,
        filename=said.get("filename", ""),
        size_bytes=upload_length,
        collection_id=_id(said, "collection_id"),
        document_id=_id(said, "document_id"),
    )
    return Response(status_code=201, headers={**_headers(view), "Location": f"/api/v1/uploads/{view.id}"})


@router.head("/{upload_id}")
async def offset(upload_id: UUID, services: App, principal: Caller) -> Response:
    """How much of it is there."""
    view = await services.uploads.state(principal, upload_id)
    length = {"Upload-Length": str(view.size_bytes), "Cache-Control": "no-store"}
    return Response(status_code=200, headers={**_headers(view), **length})


@router.get("/{upload_id}")
async def state(upload_id: UUID, services: App, principal: Caller) -> UploadView:
    """The same as JSON, with the receipt once the file was handed in."""
    return await services.uploads.state(principal, upload_id)


@router.patch("/{upload_id}", status_code=204)
async def append(
    upload_id: UUID,
    request: Request,
    services: App,
    principal: Caller,
    client: Client,
    upload_offset: Annotated[int, Header()],
    content_type: Annotated[str, Header()] = "",
    tus_resumable: Annotated[str, Header()] = VERSION,
) -> Response:
    """A piece; with the last one the file is handed in, and ``Content-Location`` names its task."""
    _speaks(tus_resumable)
    if content_type != PIECE:
        raise ValidationError(f"A piece is {PIECE}.", next_step="Set Content-Type to it.")
    view = await services.uploads.append(principal, upload_id, upload_offset, request.stream(), client=client)
    task = {"Content-Location": f"/api/v1/tasks/{view.receipt.task_id}"} if view.receipt else {}
    return Response(status_code=204, headers={**_headers(view), **task})


@router.delete("/{upload_id}", status_code=204)
async def give_up(upload_id: UUID, services: App, principal: Caller) -> Response:
    """Forget it; a document that came of it stays."""
    await services.uploads.give_up(principal, upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


def _headers(view: UploadView) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(view.offset),
        "Upload-Expires": format_datetime(view.expires_at, usegmt=True),
    }


def _speaks(version: str) -> None:
    if version != VERSION:
        raise ValidationError(f"Version {version[:20]} of tus is not spoken here.", next_step=f"Speak {VERSION}.")


def _metadata(header: str) -> dict[str, str]:
    """Pairs of a name and a value in base64, divided by commas."""
    found = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise ValidationError(
                f"Upload-Metadata: the value of {name[:40]} is not UTF-8 in base64.",
                next_step="Encode it, as tus says.",
            ) from None
    return found


def _id(said: dict[str, str], name: str) -> UUID | None:
    try:
        return UUID(said[name]) if said.get(name) else None
    except ValueError:
        raise ValidationError(f"Upload-Metadata: {name} is no id.", next_step="Name it as the API shows it.") from None
