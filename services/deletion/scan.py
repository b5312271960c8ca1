"""What is found of something in every store?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from core.errors import DatabaseError, KnowledgeFoundryError
from services.deletion.scope import Scope

log = structlog.get_logger(__name__)

FILES, REDIS = "files", "Redis"


class ResidualScan:
    """Looks for what a scope names, everywhere."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def run(self) -> tuple[Counter[str], frozenset[str]]:
        """(how many of each kind are found, by store and table; stores that did not answer).

        Raises:
            DatabaseError: PostgreSQL does not answer, without which nothing is known.
        """
        scope, unreached = self._scope, set[str]()
        found = Counter(await scope.count_rows())
        for index in scope.stores.indexes.known:
            with noting(unreached, index.store):
                found[f"vectors in {index.store}"] += await scope.count_vectors(index)
        with noting(unreached, FILES):
            found["files"] = await scope.count_files()
        with noting(unreached, REDIS):
            found["redis"] = len([key async for key in scope.redis_keys()])
            found["jobs"] = await scope.count_jobs()
        return +found, frozenset(unreached)


@contextmanager
def noting(unreached: set[str], store: str) -> Iterator[None]:
    """Note that a store did not answer, and go on with the next: one that is away holds up no other."""
    try:
        yield
    except DatabaseError:
        raise
    except (KnowledgeFoundryError, RedisError, OSError) as error:
        log.warning("store_unreached", store=store, reason=getattr(error, "code", type(error).__name__))
        unreached.add(store)
