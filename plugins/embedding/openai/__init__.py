"""How does a server with OpenAI's protocol embed texts?"""

from plugins.embedding.openai.provider import OpenAIEmbedding

__all__ = ["OpenAIEmbedding"]
