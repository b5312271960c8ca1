"""How are vectors stored in Qdrant and searched there?"""

from plugins.vector_db.qdrant.provider import QdrantProvider

__all__ = ["QdrantProvider"]
