"""Which Qdrant is used, and how?"""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from plugins.vector_db.placement import PlacementOptions

MEMORY = ":memory:"


class QdrantOptions(PlacementOptions):
    """Settings of the ``qdrant`` plugin. One of ``url``, ``host`` and ``path`` says where it is.

    Attributes:
        url: Address of a server, such as ``https://qdrant.example:6333/prefix``.
        host: The same in parts, with ``port`` and ``https``.
        grpc_port: Port of its gRPC interface, used with ``prefer_grpc``. 0: the one after that of HTTP, as
            Qdrant does it.
        path: Folder of the client's own engine, relative to the data folder; ``:memory:`` keeps nothing. One process
            at a time, exact search: for evaluation and tests.
        timeout_s: Longest wait for one call; storing many vectors makes several.
        collection_prefix: Stands before every collection's name, so that departments can share a server.
        precision: How a server keeps dense components; ``half`` takes half the memory. For new collections.
        search_ef: Neighbours an approximate search keeps in sight; more finds more and takes longer. Few rows of an
            organisation are compared exactly anyhow.
        connections: Most HTTP connections of this process.
    """

    url: str = Field(default="", pattern=r"^(https?://[^/\s]+\S*)?$")
    host: str = Field(default="", pattern=r"^[^/\s]*$")
    port: int = Field(default=6333, ge=1, le=65_535)
    grpc_port: int = Field(default=0, ge=0, le=65_535)
    https: bool = False
    prefer_grpc: bool = False
    api_key: SecretStr = SecretStr("")
    path: str = ""
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    collection_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,60}$")
    upsert_batch: int = Field(default=256, ge=1, le=10_000)
    precision: Literal["half", "single"] = "single"
    search_ef: int = Field(default=200, ge=10, le=10_000)
    connections: int = Field(default=16, ge=1, le=1000)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in ("url", "host", "path") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both set; one of url, host and path says where Qdrant is")
        return self

    @property
    def grpc(self) -> int:
        """Port of the gRPC interface."""
        return self.grpc_port or (urlsplit(self.url).port or self.port if self.url else self.port) + 1

    @property
    def embedded(self) -> bool:
        """Whether the client's own engine is used instead of a server."""
        return bool(self.path)

    @property
    def address(self) -> str:
        """URL of the server; empty when the options name none."""
        if self.url or not self.host:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.https else 'http'}://{host}:{self.port}"
