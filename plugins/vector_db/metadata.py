"""How do stores without a schema of their own keep our ids beside a vector?

A row's id is derived from organisation and chunk, so that one organisation can neither overwrite nor detect an id of
another; the chunk's own id stands in the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

from core.errors import ProviderError
from core.types import VectorPayload

ORGANIZATION: Final = "organization_id"
COLLECTION: Final = "collection_id"
DOCUMENT: Final = "document_id"
VERSION: Final = "version_id"
CHUNK: Final = "chunk_id"
OWNERS: Final = (ORGANIZATION, COLLECTION, DOCUMENT, VERSION)
"""What a row belongs to, outermost first."""


def row_id(organization_id: UUID, chunk_id: UUID) -> str:
    """Id of a chunk's row."""
    return str(uuid5(organization_id, chunk_id.hex))


def metadata_of(chunk_id: UUID, payload: VectorPayload) -> dict[str, str]:
    """What stands beside a vector: ids, no text."""
    return {
        ORGANIZATION: str(payload.organization_id),
        COLLECTION: str(payload.collection_id),
        DOCUMENT: str(payload.document_id),
        VERSION: str(payload.version_id),
        CHUNK: str(chunk_id),
    }


def found(metadata: Mapping[str, object] | None, organization_id: UUID, service: str) -> tuple[UUID, VectorPayload]:
    """Chunk and payload of a row that a search returned.

    Raises:
        ProviderError: The row is not one of ours, or belongs to another organisation than was asked for.
    """
    try:
        values = {name: UUID(str((metadata or {})[name])) for name in (*OWNERS, CHUNK)}
    except (KeyError, ValueError) as error:
        raise ProviderError(f"{service} answered with a row that is not ours.") from error
    if values[ORGANIZATION] != organization_id:
        raise ProviderError(f"{service} answered with a row of another organisation, although a filter was given.")
    return values.pop(CHUNK), VectorPayload(**values)
