"""How are vectors stored in Pinecone and searched there?"""

from plugins.vector_db.pinecone.provider import PineconeProvider

__all__ = ["PineconeProvider"]
