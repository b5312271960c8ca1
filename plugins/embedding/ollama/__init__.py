"""How does Ollama embed texts?"""

from plugins.embedding.ollama.provider import OllamaEmbedding

__all__ = ["OllamaEmbedding"]
