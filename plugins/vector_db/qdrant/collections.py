"""What does a collection look like inside Qdrant?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ConfigurationError
from plugins.vector_db.metadata import ORGANIZATION, OWNERS
from plugins.vector_db.qdrant.connection import TENANTS_SINCE
from plugins.vector_db.qdrant.options import QdrantOptions
from plugins.vector_db.qdrant.rows import DENSE, SPARSE

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient, models


async def create(client: AsyncQdrantClient, name: str, size: int, options: QdrantOptions) -> None:
    """Make a collection of dense vectors and BM25 weights.

    The weights carry our own statistics of the organisation, so Qdrant's modifier, which would count all tenants, stays
    off. ``m=0`` with ``payload_m``: one graph a tenant and none over all, because a shared one loses results of small
    tenants.
    """
    from qdrant_client import models

    half = models.Datatype.FLOAT16 if options.precision == "half" and not options.embedded else None
    await client.create_collection(
        name,
        vectors_config={DENSE: models.VectorParams(size=size, distance=models.Distance.COSINE, datatype=half)},
        sparse_vectors_config={SPARSE: models.SparseVectorParams()},
        hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
    )


async def index(
    client: AsyncQdrantClient, name: str, version: tuple[int, int], existing: models.CollectionInfo
) -> None:
    """Make the payload indexes that are missing; a process that died between may have left some out."""
    from qdrant_client import models

    for field in OWNERS:
        if field in existing.payload_schema:
            continue
        tenant = True if field == ORGANIZATION and version >= TENANTS_SINCE else None
        schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=tenant)
        await client.create_payload_index(name, field_name=field, field_schema=schema, wait=True)


def size_of(name: str, info: models.CollectionInfo) -> int:
    """Dimensions of a collection.

    Raises:
        ConfigurationError: It was not made by this plugin, or compares in another way.
    """
    from qdrant_client import models

    dense, sparse = info.config.params.vectors, info.config.params.sparse_vectors or {}
    if not isinstance(dense, dict) or DENSE not in dense or SPARSE not in sparse:
        raise ConfigurationError(
            f"The Qdrant collection '{name}' was not made by Knowledge Foundry.",
            next_step="Choose another collection, or a collection_prefix.",
        )
    if dense[DENSE].distance != models.Distance.COSINE:
        raise ConfigurationError(f"The Qdrant collection '{name}' compares by {dense[DENSE].distance}, not by cosine.")
    if sparse[SPARSE].modifier == models.Modifier.IDF:
        raise ConfigurationError(
            f"The Qdrant collection '{name}' weighs terms itself, which would count every organisation's documents.",
            next_step="Choose another collection.",
        )
    return dense[DENSE].size
