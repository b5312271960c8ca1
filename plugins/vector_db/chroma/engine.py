"""What does the plugin need of a Chroma, whether it is a server or the library's own engine?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from core.errors import ConfigurationError, ProviderError
from core.types import Vector

SERVICE: Final = "Chroma"
MAKER: Final = "made_by"
SIZE: Final = "vector_size"
_OURS: Final = "knowledge-foundry"

Where: TypeAlias = dict[str, Any]
"""A filter in Chroma's words."""


class CollectionGoneError(ProviderError):
    """A collection was there and was removed by somebody else."""

    def __init__(self, message: str = "The vector collection was removed from Chroma.") -> None:
        super().__init__(message, next_step="Start again and index anew.")


@dataclass(frozen=True, slots=True)
class Shape:
    """A collection as Chroma describes it.

    Attributes:
        configuration: Of its index, which is ``hnsw`` on a single node and ``spann`` in the cloud.
        dimension: Of the vectors in it; None before the first one.
    """

    id: str
    metadata: Mapping[str, Any]
    configuration: Mapping[str, Any]
    dimension: int | None

    def size(self, name: str) -> int:
        """Dimensions of its vectors.

        Raises:
            ConfigurationError: It was not made by this plugin, or compares in another way.
        """
        size = self.metadata.get(SIZE)
        if self.metadata.get(MAKER) != _OURS or not isinstance(size, int) or self.dimension not in (None, size):
            raise ConfigurationError(
                f"The Chroma collection '{name}' was not made by Knowledge Foundry.",
                next_step="Choose another collection, or a collection_prefix.",
            )
        index = self.configuration.get("hnsw") or self.configuration.get("spann") or {}
        if index.get("space") != "cosine":
            raise ConfigurationError(f"The Chroma collection '{name}' compares by {index.get('space')}, not by cosine.")
        return size


@dataclass(frozen=True, slots=True)
class Rows:
    """Vectors ``(n, dim)`` with their ids and what stands beside them."""

    ids: list[str]
    vectors: Vector
    metadatas: list[dict[str, str]]

    def part(self, start: int, count: int) -> Rows:
        """``count`` of them, beginning with number ``start``."""
        end = start + count
        return Rows(self.ids[start:end], self.vectors[start:end], self.metadatas[start:end])


@dataclass(frozen=True, slots=True)
class Near:
    """One result of a search; the distance is 1 - cosine."""

    metadata: Mapping[str, Any] | None
    distance: float


class Engine(Protocol):
    """Calls of Chroma that the plugin makes; all failures are ours, and every call ends after the timeout.

    Collections are named to ``find`` and ``create``; the others take their id and raise ``CollectionGoneError``.
    """

    async def open(self) -> None:
        """Connect and make sure that calls for data are answered."""

    async def check(self, timeout_s: float) -> None:
        """Make sure of it again."""

    async def find(self, name: str) -> Shape | None:
        """The collection of that name, if there is one."""

    async def create(self, name: str, metadata: Mapping[str, Any], search_ef: int) -> None:
        """Make a collection that compares by cosine.

        Raises:
            ProviderError: It exists, among other reasons.
        """

    def batch(self, vector_size: int) -> int:
        """Sync. Most rows that one call of ``upsert`` may carry."""

    async def upsert(self, collection: str, rows: Rows) -> None:
        """Store rows; the same id again replaces."""

    async def query(self, collection: str, vector: list[float], limit: int, where: Where) -> list[Near]:
        """The nearest rows, best first."""

    async def count(self, collection: str, where: Where, limit: int, offset: int) -> int:
        """How many rows there are from ``offset`` on, counted up to ``limit``."""

    async def delete(self, collection: str, where: Where) -> None:
        """Remove rows that fulfil the condition."""

    async def delete_ids(self, collection: str, ids: Sequence[str]) -> None:
        """Remove rows by their ids; unknown ones are fine."""

    async def close(self) -> None:
        """Release everything."""


def metadata_for(vector_size: int) -> dict[str, Any]:
    """By what a collection of ours is known."""
    return {MAKER: _OURS, SIZE: vector_size}


def index_configuration(search_ef: int) -> dict[str, Any]:
    """Configuration of a new collection."""
    return {"hnsw": {"space": "cosine", "ef_search": search_ef}}
