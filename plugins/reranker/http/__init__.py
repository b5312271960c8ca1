"""How does a rerank service put the best first?"""

from plugins.reranker.http.provider import HttpReranker

__all__ = ["HttpReranker"]
