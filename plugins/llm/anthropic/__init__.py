"""How does Anthropic answer?"""

from plugins.llm.anthropic.provider import AnthropicProvider

__all__ = ["AnthropicProvider"]
