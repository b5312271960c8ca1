"""How are vectors stored in Chroma and searched there?"""

from plugins.vector_db.chroma.provider import ChromaProvider

__all__ = ["ChromaProvider"]
