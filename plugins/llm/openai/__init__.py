"""How does a server that speaks OpenAI's protocol answer?"""

from plugins.llm.openai.provider import OpenAIProvider

__all__ = ["OpenAIProvider"]
