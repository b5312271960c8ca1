"""Which Chroma is used, and how?"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from plugins.vector_db.placement import PlacementOptions

MEMORY = ":memory:"


class ChromaOptions(PlacementOptions):
    """Settings of the ``chroma`` plugin. One of ``url``, ``host`` and ``persist_directory`` says where it is.

    Attributes:
        url: Address of a server, such as ``https://chroma.example:8000/prefix``.
        host: The same in parts, with ``port`` and ``https``.
        api_key: For Chroma Cloud, or for a proxy before the server, which knows no keys itself.
        key_header: Where the key travels; in ``authorization`` it stands after ``Bearer``.
        tenant: Tenant and ``database`` inside a server; both must exist.
        persist_directory: Folder of the engine inside the library, relative to the data folder; ``:memory:`` keeps
            nothing. One process at a time; needs the extra ``chroma``.
        timeout_s: Longest wait for one call; storing or deleting many vectors makes several.
        collection_prefix: Stands before every collection's name, so that departments can share a database.
        search_ef: Neighbours an approximate search keeps in sight; more finds more and takes longer. For new
            collections.
    """

    url: str = Field(default="", pattern=r"^(https?://[^/\s]+\S*)?$")
    host: str = Field(default="", pattern=r"^[^/\s]*$")
    port: int = Field(default=8000, ge=1, le=65_535)
    https: bool = False
    api_key: SecretStr = SecretStr("")
    key_header: Literal["x-chroma-token", "authorization"] = "x-chroma-token"
    tenant: str = Field(default="default_tenant", pattern=r"^[A-Za-z0-9_-]{1,128}$")
    database: str = Field(default="default_database", pattern=r"^[A-Za-z0-9_-]{1,128}$")
    persist_directory: str = ""
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    collection_prefix: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,59})?$")
    upsert_batch: int = Field(default=256, ge=1, le=10_000)
    search_ef: int = Field(default=200, ge=10, le=10_000)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in ("url", "host", "persist_directory") if getattr(self, name)]
        if len(given) > 1:
            places = "one of url, host and persist_directory says where Chroma is"
            raise ValueError(f"{' and '.join(given)} are both set; {places}")
        return self

    @property
    def address(self) -> str:
        """URL of the server; empty when the options name none."""
        if self.url or not self.host:
            return self.url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.https else 'http'}://{host}:{self.port}"
