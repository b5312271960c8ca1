"""How does Alembic connect? Only as the owner role, one transaction, short lock waits."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import db.models  # noqa: F401  (registers the tables)
from db.base import Base

address = context.config.attributes["address"]
engine = create_engine(address.sqlalchemy(), poolclass=NullPool)
with engine.connect() as connection:
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.execute(text("SELECT pg_advisory_lock(4242001)"))
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
engine.dispose()
