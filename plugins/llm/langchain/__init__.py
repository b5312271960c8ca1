"""How does a chat model of LangChain answer?"""

from plugins.llm.langchain.provider import LangChainProvider

__all__ = ["LangChainProvider"]
