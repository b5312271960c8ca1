"""How does a model served by Ollama answer?"""

from plugins.llm.ollama.provider import OllamaProvider

__all__ = ["OllamaProvider"]
