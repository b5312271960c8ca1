"""How does an embedding class of LangChain embed texts?"""

from plugins.embedding.langchain.provider import LangChainEmbedding

__all__ = ["LangChainEmbedding"]
