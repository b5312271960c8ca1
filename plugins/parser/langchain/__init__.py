"""How are files read through a document loader of LangChain?"""

from plugins.parser.langchain.provider import LangChainParser

__all__ = ["LangChainParser"]
