"""Which Pinecone index is used, and how?"""

from __future__ import annotations

from pydantic import Field, SecretStr

from plugins.vector_db.placement import PlacementOptions


class PineconeOptions(PlacementOptions):
    """Settings of the ``pinecone`` plugin.

    Attributes:
        host: Host of the index, as Pinecone's console shows it; with ``http://`` for a local emulator.
        timeout_s: Longest wait for one call; storing many vectors makes several.
        namespace_prefix: Stands before every namespace, so that departments can share an index.
        upsert_batch: Most vectors sent at once; a request is kept below 2 MB besides.
        fresh_s: Longest wait until what was written can be found; Pinecone needs some seconds. 0 does not wait.
    """

    host: str = Field(pattern=r"^(https?://)?[A-Za-z0-9.-]+(:\d+)?/?$")
    api_key: SecretStr
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    namespace_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,60}$")
    upsert_batch: int = Field(default=100, ge=1, le=1000)
    fresh_s: float = Field(default=30.0, ge=0, le=600)

    @property
    def address(self) -> str:
        """URL of the index."""
        host = self.host.rstrip("/")
        return host if host.startswith("http") else f"https://{host}"
