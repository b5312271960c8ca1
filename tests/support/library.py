"""Documents made of a few chunks, as whole as those of the product: ``graph.context.Library``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from core.text import language, terms
from core.types import Chunk
from graph.context import Holdings, Scope


class ChunkLibrary:
    """The chunks of a document share its id and stand in their order."""

    def __init__(self, chunks: Sequence[Chunk], questions: tuple[str, ...] = ()) -> None:
        self._chunks = chunks
        self._questions = questions

    async def holdings(self, scope: Scope) -> Holdings:
        """All of them."""
        first = {chunk.document_id: chunk for chunk in reversed(self._chunks)}
        kinds = Counter(chunk.mime_type for chunk in first.values())
        newest = tuple((chunk.filename, chunk.mime_type) for chunk in first.values())
        return Holdings(dict(kinds.most_common()), newest, self._questions)

    async def named(self, name: str, scope: Scope) -> UUID | None:
        """By the words of the file's name."""
        spoken = language.detect(name)
        wanted = set(terms.terms(name, spoken))
        for chunk in self._chunks:
            if wanted and wanted <= set(terms.terms(chunk.filename, spoken)):
                return chunk.document_id
        return None

    async def read(self, document_id: UUID, scope: Scope, *, limit: int) -> list[Chunk]:
        """The chunks with that id, unless only others may be looked at."""
        if scope.document_ids is not None and document_id not in scope.document_ids:
            return []
        return [chunk for chunk in self._chunks if chunk.document_id == document_id][:limit]
