"""How do connections to PostgreSQL come about?"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.urls import DatabaseAddress


def create_engine(
    address: DatabaseAddress, *, pool_size: int = 20, max_overflow: int = 10, pre_ping: bool = True, echo: bool = False
) -> AsyncEngine:
    """An engine whose connections give up after 10 s and whose statements after 60 s.

    Args:
        echo: Log every statement.
    """
    return create_async_engine(
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
