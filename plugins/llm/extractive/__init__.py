"""How is a question answered without any model?"""

from plugins.llm.extractive.provider import ExtractiveProvider

__all__ = ["ExtractiveProvider"]
