"""What runs in the process that holds the engine inside Chroma's library?

The engine's calls are native, cannot be interrupted and hold Python up while they write, for half a second and more:
in the application's own process they would hold up every answer.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import ConfigurationError, ProviderError
from plugins.vector_db.chroma.engine import (
    SERVICE,
    CollectionGoneError,
    Near,
    Rows,
    Shape,
    Where,
    index_configuration,
)
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api.client import Client
    from chromadb.config import Settings

LOCK: Final = "foundry.lock"
_store: Store | None = None


def begin() -> None:
    """Live no longer than the application, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def call(operation: str, *arguments: Any) -> Any:
    """Carry out a method of ``Store``; ``open`` makes one first and returns process id and largest batch.

    All failures are ours already, because reading others would import the library in the application.
    """
    global _store
    with translated(SERVICE, foreign=True):
        try:
            if operation == "open":
                _store = Store(*arguments)
                return os.getpid(), _store.client.get_max_batch_size()
            return getattr(_store, operation)(*arguments)
        except Exception:
            raise
        except BaseException as error:
            # The native part ends what it did not expect with a panic, which no `except Exception` sees.
            raise ProviderError(f"{SERVICE}'s engine broke; its folder may be damaged.") from error


class Store:
    """Collections in a folder, or in the memory of this process."""

    def __init__(self, folder: Path | None) -> None:
        import chromadb

        client: Any
        if folder is None:
            client = chromadb.EphemeralClient(settings())
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            client = chromadb.PersistentClient(folder, settings())
        self.client: Client = client
        self._known: dict[str, Collection] = {}

    def check(self) -> None:
        self.client.heartbeat()

    def find(self, name: str) -> Shape | None:
        from chromadb.errors import NotFoundError

        try:
            found = self.client.get_collection(name, embedding_function=None)
        except NotFoundError:
            return None
        self._known[str(found.id)] = found
        configuration: Mapping[str, Any] = found.configuration_json
        return Shape(str(found.id), found.metadata or {}, configuration, None)

    def create(self, name: str, metadata: Mapping[str, Any], search_ef: int) -> None:
        configuration: Any = index_configuration(search_ef)
        # Without its own way to make vectors, which would load a model from the network.
        self.client.create_collection(
            name, configuration=configuration, metadata=dict(metadata), embedding_function=None
        )

    def upsert(self, collection: str, rows: Rows) -> None:
        metadatas: Any = rows.metadatas
        self._collection(collection).upsert(ids=rows.ids, embeddings=rows.vectors, metadatas=metadatas)

    def query(self, collection: str, vector: list[float], limit: int, where: Where) -> list[Near]:
        told = self._collection(collection).query(
            query_embeddings=vector, n_results=limit, where=where, include=["metadatas", "distances"]
        )
        metadatas, distances = told["metadatas"] or [[]], told["distances"] or [[]]
        return [Near(*near) for near in zip(metadatas[0], distances[0], strict=True)]

    def count(self, collection: str, where: Where, limit: int, offset: int) -> int:
        return len(self._collection(collection).get(where=where, limit=limit, offset=offset, include=[])["ids"])

    def delete(self, collection: str, where: Where) -> None:
        self._collection(collection).delete(where=where)

    def delete_ids(self, collection: str, ids: Sequence[str]) -> None:
        self._collection(collection).delete(ids=list(ids))

    def close(self) -> None:
        self.client.close()

    def _collection(self, identifier: str) -> Collection:
        if identifier not in self._known:
            raise CollectionGoneError
        return self._known[identifier]


def settings() -> Settings:
    """Neither the environment nor an .env file of somebody else's says what the engine is or whom it tells."""
    from chromadb.config import Settings

    return Settings(
        _env_file=None,
        chroma_api_impl="chromadb.api.rust.RustBindingsAPI",
        anonymized_telemetry=False,
        chroma_otel_collection_endpoint="",
        allow_reset=False,
    )


def _locked(folder: Path) -> int:
    """Descriptor of the folder's lock, held until this process ends."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigurationError(
            f"The Chroma folder {folder} is in use by another process.",
            next_step="Run a Chroma server where several processes need it.",
        ) from error
    return descriptor


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
