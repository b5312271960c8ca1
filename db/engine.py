"""How do connections to PostgreSQL come about?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakSet

from sqlalchemy import Engine, QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from core.telemetry import METRICS
from db.urls import DatabaseAddress

_STATES: dict[str, Callable[[QueuePool], int]] = {
    "in_use": lambda pool: pool.checkedout(),
    "idle": lambda pool: pool.checkedin(),
}
_ENGINES: dict[str, WeakSet[Engine]] = {}
_CHANGING = threading.Lock()
"""A worker's metrics are read by a thread of their own."""


def create_engine(
    address: DatabaseAddress, *, pool_size: int = 20, max_overflow: int = 10, pre_ping: bool = True, echo: bool = False
) -> AsyncEngine:
    """An engine whose connections give up after 10 s and whose statements after 60 s; its pool is in the metrics.

    Args:
        echo: Log every statement.
    """
    engine = create_async_engine(
        address.sqlalchemy(),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=pre_ping,
        pool_timeout=10,
        echo=echo,
        connect_args={
            "connect_timeout": 10,
            "options": "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=15000",
        },
    )
    _watch(address.user, engine.sync_engine)
    return engine


def _watch(role: str, engine: Engine) -> None:
    """Count the connections of all engines of a role, as long as there are such engines."""
    with _CHANGING:
        if role not in _ENGINES:
            _ENGINES[role] = WeakSet()
            for state in _STATES:
                METRICS.pool_connections.labels(role, state).set_function(_reader(role, state))
        _ENGINES[role].add(engine)


def _reader(role: str, state: str) -> Callable[[], float]:
    def read() -> float:
        with _CHANGING:
            pools = [engine.pool for engine in _ENGINES[role]]
        return sum(_STATES[state](pool) for pool in pools if isinstance(pool, QueuePool))

    return read
