"""How does a model deployed at Azure OpenAI answer?"""

from plugins.llm.azure.provider import AzureProvider

__all__ = ["AzureProvider"]
