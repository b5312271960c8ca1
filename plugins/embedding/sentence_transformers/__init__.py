"""How does a model of sentence-transformers embed texts?"""

from plugins.embedding.sentence_transformers.provider import SentenceTransformersProvider

__all__ = ["SentenceTransformersProvider"]
