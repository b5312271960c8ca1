"""Which vectors of a version are kept beside the stores?"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import Vector
from db.models import KeptVectors

HALF = np.dtype("<f2")


class KeptVectorsRepository:
    """Kept vectors, inside the caller's transaction; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, version: tuple[UUID, UUID], position: int, model: str, chunk_ids: Sequence[UUID], vectors: Vector
    ) -> None:
        """Keep ``(n, dim)`` vectors of chunks.

        Args:
            version: Ids of the organisation and of the version.
            position: Of the first of them among the chunks of the version.
        """
        organization_id, version_id = version
        self._session.add(
            KeptVectors(
                organization_id=organization_id,
                version_id=version_id,
                position=position,
                model=model,
                chunk_ids=list(chunk_ids),
                vectors=vectors.astype(HALF).tobytes(),
            )
        )
        await self._session.flush()

    async def forget(self, version_id: UUID) -> None:
        """Drop those of a version."""
        await self._session.execute(delete(KeptVectors).where(KeptVectors.version_id == version_id))

    async def versions(self, version_ids: Ids[UUID], model: str) -> frozenset[UUID]:
        """Those of the versions of which vectors of this model are kept."""
        statement = select(KeptVectors.version_id).where(
            KeptVectors.version_id.in_(version_ids), KeptVectors.model == model
        )
        return frozenset((await self._session.scalars(statement.distinct())).all())

    async def of(self, version_ids: Ids[UUID], model: str) -> dict[UUID, Vector]:
        """Vectors by chunk, as far as they are kept and come from this model; ``(dim,)`` each."""
        rows = await self._session.scalars(
            select(KeptVectors).where(KeptVectors.version_id.in_(version_ids), KeptVectors.model == model)
        )
        found: dict[UUID, Vector] = {}
        for row in rows:
            matrix = np.frombuffer(row.vectors, HALF).reshape(len(row.chunk_ids), -1).astype(np.float32)
            found.update(zip(row.chunk_ids, matrix, strict=True))
        return found
