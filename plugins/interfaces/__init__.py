"""What must a plugin of each kind be able to do?

Everything an implementer must know stands here; implementations do not repeat it. All methods are coroutines
unless they say "sync". Every outward call has a timeout. Vendor failures become errors of ``core.errors``: 429, 5xx
and silence are ``ProviderRateLimitError`` or ``ProviderUnavailableError``, the rest ``ProviderError``. Cancelling a
call ends the work it started.

An implementation is a class ``Thing(options, context)`` whose ``Options`` attribute is a frozen pydantic model that
forbids unknown keys. The constructor is cheap; ``start()`` loads and connects. Importing its module must not import
its heavy library.

One module a kind; callers import from here.
"""

from plugins.interfaces.auth import AuthProvider, FederatedIdentity, FederatedLogin, LoginStart, TokenClaims, TokenPair
from plugins.interfaces.cache import CacheProvider
from plugins.interfaces.context import PluginContext
from plugins.interfaces.credentials import CredentialStore, StoredCredentials, StoredSession
from plugins.interfaces.embedding import EmbeddingProvider
from plugins.interfaces.llm import (
    CallListener,
    CallStatus,
    CompletionStream,
    Failover,
    LLMProvider,
    ModelCall,
    RoutedModel,
)
from plugins.interfaces.notifier import NotificationProvider
from plugins.interfaces.parser import DocumentParser
from plugins.interfaces.plugin import Plugin
from plugins.interfaces.rate_limiter import RateLimitDecision, RateLimiter
from plugins.interfaces.reranker import Reranker
from plugins.interfaces.stand_in import StandIn
from plugins.interfaces.vector_db import VectorDBProvider

PROTOCOL_VERSION = 1
"""Version of these contracts; a manifest names the one it was written for."""

__all__ = [
    "PROTOCOL_VERSION",
    "AuthProvider",
    "CacheProvider",
    "CallListener",
    "CallStatus",
    "CompletionStream",
    "CredentialStore",
    "DocumentParser",
    "EmbeddingProvider",
    "Failover",
    "FederatedIdentity",
    "FederatedLogin",
    "LLMProvider",
    "LoginStart",
    "ModelCall",
    "NotificationProvider",
    "Plugin",
    "PluginContext",
    "RateLimitDecision",
    "RateLimiter",
    "Reranker",
    "RoutedModel",
    "StandIn",
    "StoredCredentials",
    "StoredSession",
    "TokenClaims",
    "TokenPair",
    "VectorDBProvider",
]
