"""How are vectors stored and searched inside PostgreSQL?"""

from plugins.vector_db.pgvector.provider import PgvectorProvider

__all__ = ["PgvectorProvider"]
