"""Which kinds of plugins are there, and under which key of ``plugins`` do the settings list each?"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SETTINGS_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "llm": "llm_providers",
        "vector_db": "vector_db",
        "embedding": "embedding_models",
        "parser": "document_parsers",
        "reranker": "reranker",
        "auth": "authentication",
        "rate_limiter": "rate_limiter",
        "cache": "cache",
        "notifier": "notifiers",
    }
)
"""Kind (also the folder of its plugins) → key of the settings."""


def entry_key(kind: str, name: str) -> str:
    """The dotted key of an entry, as the settings call it."""
    return f"plugins.{SETTINGS_KEYS[kind]}.{name}"
