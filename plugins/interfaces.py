"""What must a plugin of each kind be able to do?

Everything an implementer must know stands here; implementations do not repeat it. All methods are coroutines
unless they say "sync". Every outward call has a timeout. Vendor failures become errors of ``core.errors``: 429, 5xx
and silence are ``ProviderRateLimitError`` or ``ProviderUnavailableError``, the rest ``ProviderError``. Cancelling a
call ends the work it started.

An implementation is a class ``Thing(options, context)`` whose ``Options`` attribute is a frozen pydantic model that
forbids unknown keys. The constructor is cheap; ``start()`` loads and connects. Importing its module must not import
its heavy library.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable
from uuid import UUID

from core.identity import Role
from core.types import (
    Candidate,
    CompletionRequest,
    CompletionResponse,
    EmbeddingKind,
    Health,
    HybridHit,
    JsonValue,
    ParsedDocument,
    SparseVector,
    Vector,
    VectorFilter,
    VectorHit,
    VectorPayload,
)

if TYPE_CHECKING:
    import httpx
    from redis.asyncio import Redis

PROTOCOL_VERSION = 1
"""Version of the contracts on this page; a manifest names the one it was written for."""


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """What is kept of an account that signs in with a password."""

    user_id: UUID
    organization_id: UUID
    hashed_password: str | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that was found or made."""

    session_id: UUID
    user_id: UUID
    organization_id: UUID


class CredentialStore(Protocol):
    """Where login plugins keep accounts and sessions; the application provides it."""

    async def find_credentials(self, email: str) -> StoredCredentials | None:
        """The account of an address, in any organisation."""

    async def create_session(
        self,
        user_id: UUID,
        organization_id: UUID,
        *,
        refresh_digest: str,
        expires_at: datetime,
        ip_address: str | None,
        user_agent: str | None,
    ) -> StoredSession:
        """Open a session that its refresh token can renew."""

    async def rotate_session(
        self, refresh_digest: str, *, new_digest: str, expires_at: datetime
    ) -> StoredSession | None:
        """Exchange the refresh token; a token used before revokes its session and gives None."""

    async def is_session_live(self, session_id: UUID, organization_id: UUID) -> bool:
        """Whether it exists, has not ended and was not revoked."""

    async def revoke_session(self, session_id: UUID, organization_id: UUID) -> None:
        """End it; unknown ones are ignored."""


@dataclass(frozen=True, slots=True)
class PluginContext:
    """Shared resources a plugin may use; it never closes them.

    Attributes:
        data_dir: Folder for files that can be made again (compiled models, caches).
        database_url: libpq URL of the application role, for stores inside PostgreSQL; empty when there is none.
        migration_url: libpq URL of the role that may create tables; empty when this process must not.
    """

    http: httpx.AsyncClient
    data_dir: Path
    redis: Redis | None = None
    database_url: str = ""
    migration_url: str = ""
    embedding: EmbeddingProvider | None = None
    credentials: CredentialStore | None = None


@runtime_checkable
class Plugin(Protocol):
    """What all plugins share."""

    async def start(self) -> None:
        """Load models, open connections; called once before anything else."""

    async def health_check(self) -> Health:
        """Say how the plugin is, within 5 s, and never raise."""

    async def close(self) -> None:
        """Release everything; calling it twice is harmless."""


class CompletionStream(Protocol):
    """Pieces of text as they come; afterwards ``response`` holds the whole with tokens, cost and finish reason."""

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def aclose(self) -> None:
        """End the upstream call now; ``response`` then says ``cancelled`` and what was used so far."""

    @property
    def response(self) -> CompletionResponse:
        """Only after the stream ended or was closed; RuntimeError before."""


class LLMProvider(Plugin, Protocol):
    """A language model service."""

    async def complete(self, request: CompletionRequest) -> CompletionResponse | CompletionStream:
        """Answer the request: whole, or as a stream when ``request.stream`` is set.

        The connection is made before this returns, so that errors before the first token are raised here. A stream that
        breaks later raises ``ProviderUnavailableError`` from the iterator.
        """

    def calculate_cost(self, input_tokens: int, output_tokens: int, model: str) -> float:
        """Sync. US dollars for so many tokens; 0.0 for local models and models without a known price."""

    def get_supported_models(self) -> tuple[str, ...]:
        """Sync. Model names this provider answers for; the first is its default."""


class CallStatus(StrEnum):
    """How a call of a model ended; a label of metrics."""

    OK = "ok"
    CANCELLED = "cancelled"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    FAILED = "failed"
    """The provider raised something that is no error of ours: a mistake in the plugin."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of one provider that ended, well or not.

    Tokens of a call that broke off are what the vendor told, else an estimate; a call that failed before its first
    token has none.
    """

    provider: str
    model: str
    status: CallStatus
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Failover:
    """Another provider answers now.

    Attributes:
        failed: Entry that broke off or never began, and ``reason``, the code of its error.
        took_over: Entry that answers now; the same one after a retry.
        restarted: Text was given out already. It is void: the answer begins anew.
    """

    failed: str
    reason: str
    took_over: str
    model: str
    restarted: bool


class CallListener(Protocol):
    """Hears what a routed request does."""

    def called(self, call: ModelCall) -> None:
        """Sync. A call ended; every one is told, failed and cancelled ones too."""

    async def failed_over(self, failover: Failover) -> None:
        """Told before the first piece of the new answer is given out."""


class RoutedModel(LLMProvider, Protocol):
    """Several providers that look like one; ``plugins.llm.routing.router.Router``."""

    async def complete(
        self, request: CompletionRequest, listener: CallListener | None = None
    ) -> CompletionResponse | CompletionStream:
        """As ``LLMProvider.complete``, by whichever provider may and can.

        A stream that breaks is begun anew elsewhere only when a listener is there to void what was given out.

        Raises:
            ProviderNotAllowedError: The request's clearance admits no provider.
        """


class VectorDBProvider(Plugin, Protocol):
    """A store of dense and, if it can, sparse vectors. It may be lost and rebuilt: PostgreSQL is the truth."""

    @property
    def supports_sparse(self) -> bool:
        """Sync. Whether ``search_hybrid`` uses the sparse vector."""

    async def create_collection(self, name: str, vector_size: int, distance_metric: str = "cosine") -> None:
        """Make the collection unless it exists.

        Raises:
            ConfigurationError: It exists with another size or metric.
        """

    async def upsert(
        self,
        collection: str,
        vectors: Vector,
        payloads: Sequence[VectorPayload],
        ids: Sequence[UUID],
        sparse_vectors: Sequence[SparseVector] | None = None,
    ) -> None:
        """Store ``(n, dim)`` vectors under their ids; the same id again replaces. All payloads share an organisation.

        Raises:
            ValidationError: Lengths or dimensions disagree, or payloads of two organisations.
        """

    async def search(self, collection: str, query_vector: Vector, limit: int, filters: VectorFilter) -> list[VectorHit]:
        """The ``limit`` nearest by cosine, best first, among those the filter admits."""

    async def search_hybrid(
        self,
        collection: str,
        query_vector: Vector,
        sparse_vector: SparseVector,
        limit: int,
        filters: VectorFilter,
    ) -> list[HybridHit]:
        """The union of the ``limit`` best of either side, in no promised order.

        Both scores are filled for every hit where the store can compute them, so that fusion needs no guess. The sparse
        score is the dot product of stored and query weights. An empty sparse vector means dense only.
        """

    async def delete(self, collection: str, ids: Sequence[UUID], organization_id: UUID) -> None:
        """Remove these vectors of this organisation; unknown ids are fine."""

    async def delete_documents(self, collection: str, document_ids: Sequence[UUID], organization_id: UUID) -> None:
        """Remove every vector of these documents."""

    async def delete_version(self, collection: str, version_id: UUID, organization_id: UUID) -> None:
        """Remove every vector of one document version."""

    async def count(self, collection: str, filters: VectorFilter) -> int:
        """How many vectors the filter admits."""


class EmbeddingProvider(Plugin, Protocol):
    """Turns text into vectors."""

    async def embed_text(self, text: str, *, kind: EmbeddingKind = EmbeddingKind.QUERY) -> Vector:
        """One normalised vector, shape ``(dim,)``."""

    async def embed_batch(
        self, texts: Sequence[str], batch_size: int = 32, *, kind: EmbeddingKind = EmbeddingKind.PASSAGE
    ) -> Vector:
        """Normalised vectors in the order of the texts, shape ``(n, dim)``; ``(0, dim)`` for none."""

    def get_dimension(self) -> int:
        """Sync. Length of each vector."""

    @property
    def model_name(self) -> str:
        """Sync. Name recorded beside stored vectors; two names never share a collection."""

    @property
    def similarity_range(self) -> tuple[float, float]:
        """Sync. Cosine of a question with a passage on something else, and with one that is the question itself.

        Before a cosine is compared with a fixed number it is rescaled by it (``core.similarity``).
        """

    @property
    def multilingual(self) -> bool:
        """Sync. Whether it knows most languages; else the size of its tokens tells how well it knows a question."""

    @property
    def max_tokens(self) -> int:
        """Sync. Longest text the model reads whole, without its special tokens; more would be cut."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Sync. Character span of each token of the model's own tokenizer, for chunking."""


class DocumentParser(Plugin, Protocol):
    """Reads files of some types. Runs in a limited child process without network."""

    async def parse(self, file_path: Path) -> ParsedDocument:
        """Read the file.

        Raises:
            DocumentError: It cannot be read; says why and what to do. A file with bytes but without text is an error
                (``no_text``), never an empty result.
        """

    def supports_mime_type(self, mime_type: str) -> bool:
        """Sync. Whether this parser reads the type."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and the refresh token that renews it, with the moment the access token ends."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    session_id: UUID


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a valid access token says; the account is looked up afresh on every request."""

    user_id: UUID
    organization_id: UUID
    session_id: UUID
    expires_at: datetime


class AuthProvider(Plugin, Protocol):
    """Proves who somebody is."""

    async def authenticate(self, credentials: Mapping[str, str]) -> TokenPair:
        """Exchange credentials (for ``jwt``: ``email`` and ``password``) for tokens.

        Raises:
            AuthenticationError: Unknown, wrong, inactive; always the same words and about the same time.
        """

    async def validate_token(self, token: str) -> TokenClaims:
        """Check signature, algorithm, lifetime, purpose and revocation.

        Raises:
            AuthenticationError: Not valid.
        """

    async def refresh_token(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token once; using it a second time revokes the whole session."""

    async def revoke_token(self, token: str) -> None:
        """End the session the token belongs to; unknown tokens are ignored."""


@dataclass(frozen=True, slots=True)
class LoginStart:
    """Where to send the browser, and what to keep until it comes back.

    Attributes:
        kept: Handed to ``finish`` once; secret, and never shown to the browser.
    """

    url: str
    kept: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """Somebody another service vouches for, with their place among us as the settings map it.

    Attributes:
        issuer: Who vouches; together with ``subject`` it names the person for ever, which an e-mail address does not.
        organization: Id or exact name of the organisation.
        role_follows: Whether the role is what the other service says now; else only what a new account begins with.
        may_link: Whether this may become the sign-in of an account that exists with the same address.
    """

    issuer: str
    subject: str
    email: str
    organization: str
    role: Role
    role_follows: bool
    may_link: bool


@runtime_checkable
class FederatedLogin(Plugin, Protocol):
    """A plugin of the kind ``auth`` that lets another service prove who somebody is; the session afterwards is ours.

    The application makes the ``state`` that ties the answer to its question, keeps what ``begin`` returns, and hands it
    to ``finish`` at most once.
    """

    @property
    def protocol(self) -> Literal["oauth2", "saml"]:
        """Sync. Which of the two routes it is reached by."""

    @property
    def title(self) -> str:
        """Sync. What the button on the sign-in page says."""

    async def begin(self, callback_url: str, state: str) -> LoginStart:
        """Prepare a sign-in that comes back to ``callback_url`` with ``state``."""

    async def finish(self, params: Mapping[str, str], kept: Mapping[str, str]) -> FederatedIdentity:
        """Check the answer the browser brought.

        Args:
            params: Query or form of the answer, as untrusted as any.
            kept: What ``begin`` wanted kept.

        Raises:
            AuthenticationError: The answer proves nothing; always the same words, the cause is in the log.
            AuthorizationError: The person is known there and has no place here.
        """

    def metadata(self, callback_url: str) -> str:
        """Sync. What the other service wants to know about us, as XML; empty where the protocol has no such thing."""


@dataclass(frozen=True, slots=True)
class RateLimitDecision:
    """A limiter's answer; true when the request may go on.

    Attributes:
        remaining: Requests left in the bucket.
        retry_after_s: Seconds until one more is allowed; 0.0 when allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after_s: float

    def __bool__(self) -> bool:
        return self.allowed


class RateLimiter(Plugin, Protocol):
    """Counts requests per key (token bucket)."""

    async def check_rate_limit(self, key: str, limit: int, window_seconds: int) -> RateLimitDecision:
        """Take one token from the key's bucket of ``limit`` tokens refilled over ``window_seconds``."""

    async def get_remaining(self, key: str, limit: int, window_seconds: int) -> int:
        """Tokens left, without taking one."""

    async def reset(self, key: str) -> None:
        """Fill the bucket."""


class CacheProvider(Plugin, Protocol):
    """Keeps bytes for a while; losing all of it at any moment must be harmless."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or expired."""

    async def set(self, key: str, value: bytes, ttl_seconds: int) -> None:
        """Keep the value for so long."""

    async def delete(self, key: str) -> bool:
        """Forget it; whether it was there."""

    async def exists(self, key: str) -> bool:
        """Whether it is there."""

    async def clear(self, pattern: str) -> int:
        """Forget all keys that match the glob; how many."""


class NotificationProvider(Plugin, Protocol):
    """Tells people outside the application."""

    async def send(
        self, recipient: str, subject: str, message: str, metadata: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Send one message.

        Args:
            recipient: In the service's own terms, such as a mail address.
            metadata: Facts for machines; a plugin that writes to people may leave them out.

        Raises:
            ValidationError: The recipient is none, or subject and message are both blank.
        """

    async def send_batch(self, recipients: Sequence[str], subject: str, message: str) -> Mapping[str, str]:
        """Send to each, once, one after all others or side by side; a failure does not keep it from the rest.

        Returns:
            Every recipient → empty when it was sent, else why not, in words.
        """


class Reranker(Plugin, Protocol):
    """Puts the best evidence first."""

    async def rerank(self, query: str, chunks: Sequence[Candidate], top_k: int) -> list[Candidate]:
        """At most ``top_k`` of the candidates, best first, with ``score`` replaced where it computed one."""


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
    "StoredCredentials",
    "StoredSession",
    "TokenClaims",
    "TokenPair",
    "VectorDBProvider",
]
