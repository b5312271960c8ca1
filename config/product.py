"""Which settings say how the product behaves towards people?"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from config.section import LATER, Rate, Section, Share
from core.types import Caution


class AuthSettings(Section):
    """Signing in."""

    jwt_secret_key: SecretStr = Field(
        SecretStr(""),
        description="Key that signs access tokens, 32 characters or more; required in production, made by `foundry up` "
        "else.",
    )
    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = Field("HS256", description="How access tokens are signed.")
    access_token_expire_minutes: int = Field(60, ge=1, le=1440, description="Life of an access token.")
    refresh_token_expire_days: int = Field(30, ge=1, le=365, description="Life of a refresh token.")
    password_min_length: int = Field(12, ge=8, le=72, description="Shortest password.")
    require_uppercase: bool = Field(True, description="A password needs an upper-case letter.")
    require_numbers: bool = Field(True, description="A password needs a number.")
    require_special_chars: bool = Field(True, description="A password needs a special character.")


class RoleLimits(Section):
    """Questions, uploads and writes of one person, by role."""

    viewer: Rate = Field("100/hour", description="For a viewer.")
    editor: Rate = Field("500/hour", description="For an editor.")
    admin: Rate = Field("2000/hour", description="For an administrator, and for the operator.")


class RateLimitingSettings(Section):
    """How many questions, uploads and writes there may be; reads have a bucket of their own."""

    enabled: bool = Field(True, description="Count requests.")
    storage: str = Field(
        "redis", min_length=1, description="Entry of plugins.rate_limiter that counts; while it does not run, the next."
    )
    default_limit: Rate = Field("100/hour", description="For an API key that has no limit of its own.")
    role_limits: RoleLimits = RoleLimits()
    organization_limit: Rate = Field("10000/hour", description="For all of an organisation together.")
    ip_limit: Rate = Field("1000/hour", description="For an address that has not signed in.")
    read_limit: Rate = Field("20000/hour", description="Lists, page pictures, receipts, for one person.")
    when_store_is_down: Literal["memory", "allow", "refuse"] = Field(
        "memory", description="Without Redis: count in the process, let all pass, or refuse all."
    )


class CachingSettings(Section):
    """What is kept to be faster."""

    enabled: bool = Field(True, description="Keep anything at all.")
    default_ttl: int = Field(3600, ge=1, description="Seconds an entry is kept.")
    semantic_cache_enabled: bool = Field(
        True, description="Answer again what was answered; also needs the feature flag semantic_cache."
    )
    semantic_similarity_threshold: Share = Field(0.95, description="Cosine from which two questions may be one.")


class FeatureFlags(Section):
    """Parts that can be switched off and on."""

    hybrid_search: bool = Field(True, description="Search by meaning and by words; off: by meaning only.")
    semantic_cache: bool = Field(False, json_schema_extra=LATER, description="Answers that were given before.")
    llm_streaming: bool = Field(True, description="Show an answer while it is written.")
    multi_model_routing: bool = Field(
        False, description="Choose among several models; off: the entry of the highest priority alone."
    )
    auto_reranking: bool = Field(
        False, json_schema_extra=LATER, description="Permit the evaluation to switch reranking on."
    )
    voice_input: bool = Field(False, json_schema_extra=LATER, description="Speak a question.")
    notifications: bool = Field(
        True, description="Tell people what happened, as notifications.rules say; needs a notifier that is enabled."
    )


class IngestionSettings(Section):
    """How documents are read; sizes of chunks are tokens of the embedding model."""

    chunk_size: int = Field(512, ge=16, le=8192, description="Tokens a chunk should have; the model's window caps it.")
    chunk_overlap: int = Field(50, ge=0, description="Tokens a chunk repeats from the one before.")
    min_chunk_size: int = Field(100, ge=1, description="Smaller pieces are joined to their neighbour.")
    max_chunk_size: int = Field(2000, ge=16, description="Up to it a table, code or row stays whole.")
    supported_mime_types: tuple[str, ...] = Field(
        ("*",), min_length=1, description="MIME types that may be uploaded, such as image/*; * takes all that are read."
    )
    max_file_size_mb: int = Field(50, ge=1, le=10_000, description="Largest file.")
    read_attachments: bool = Field(True, description="Read what is attached to mails as documents of their own.")
    unpack_archives: bool = Field(False, description="Read the files in zip and tar archives; else they are listed.")
    partial_answers: bool = Field(
        False, description="Let the first version of a long document answer page by page while it is read; it is said."
    )
    orders_in_documents: Literal["flag", "fence"] = Field(
        "flag",
        description="Sentences that give orders to a model: shown with the document, or also kept from the model.",
    )
    max_own_files: int = Field(
        50, ge=0, description="Files that somebody who only asks may hand in for himself; 0 allows none."
    )
    parse_memory_mb: int = Field(2048, ge=256, description="Address space of the process that reads a file.")
    parse_cpu_s: int = Field(120, ge=1, description="Processor seconds it may use.")
    parse_wall_s: int = Field(180, ge=1, description="Seconds it may take.")
    spare_memory_mb: int = Field(
        400, ge=0, description="With less memory available, a worker reads one document at a time."
    )
    max_queued: int = Field(
        20_000, ge=1, description="Documents of an organisation that may wait to be read; more uploads are put off."
    )
    parse_processes: int | None = Field(
        None, ge=1, le=64, description="Files read at the same time by a worker; null chooses from its processors."
    )

    @property
    def max_file_bytes(self) -> int:
        """The same in bytes."""
        return self.max_file_size_mb * 1_000_000

    @model_validator(mode="after")
    def _sizes_are_ordered(self) -> Self:
        if not self.min_chunk_size <= self.chunk_size <= self.max_chunk_size:
            raise ValueError("min_chunk_size <= chunk_size <= max_chunk_size must hold")
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError("chunk_overlap must be smaller than chunk_size")
        return self


class RetrievalSettings(Section):
    """How evidence is found and when it is enough."""

    default_k: int = Field(10, ge=1, description="Passages of a search that names no number.")
    max_k: int = Field(50, ge=1, le=1000, description="Most passages a search may ask for.")
    candidate_k: int = Field(100, ge=1, le=1000, description="Hits taken from each side before they are fused.")
    reranking_enabled: bool = Field(False, description="Let the first reranker that runs reorder what was found.")
    rerank_top_k: int = Field(6, ge=1, le=50, description="Pieces of evidence shown to the model.")
    hybrid_search_weight: Share = Field(0.7, description="Weight of meaning; words have the rest.")
    fusion: Literal["convex", "rrf"] = Field("convex", description="Weighted scores, or reciprocal ranks.")
    rrf_k: int = Field(60, ge=1, description="Of reciprocal rank fusion: the greater, the less first places count.")
    min_evidence_score: Share = Field(
        0.2, description="A passage below it is not near: it is neither quoted nor shown as close."
    )
    max_rewrites: int = Field(
        1, ge=0, le=3, description="Times a language model puts the question differently when nothing near was found."
    )

    @model_validator(mode="after")
    def _numbers_are_ordered(self) -> Self:
        if self.default_k > self.max_k:
            raise ValueError("default_k must not exceed max_k")
        return self


class ModelRouting(Section):
    """What happens when a model fails. `plugins.llm_providers` says which models there are."""

    first_token_timeout_s: float = Field(60.0, gt=0, le=3600, description="A model that has not begun by then failed.")
    idle_timeout_s: float = Field(30.0, gt=0, le=600, description="So has a stream that is silent for so long.")
    rounds: int = Field(3, ge=1, le=10, description="Times each model is tried for an answer at most.")
    retry_budget_s: float = Field(20.0, ge=0, le=600, description="No new round begins later after the first failure.")
    breaker_failures: int = Field(5, ge=1, le=1000, description="Failures in a row after which a model is left alone.")
    breaker_pause_s: float = Field(30.0, gt=0, le=3600, description="Seconds it is left alone before one call probes.")


class AnswersSettings(Section):
    """When something is stated, and what answers may show."""

    caution: Caution = Field(
        Caution.BALANCED,
        description="How sure a quoted answer must be; what is less sure is shown as a passage that comes closest.",
    )
    allowed_link_hosts: tuple[str, ...] = Field(
        (), description="Hosts that links and pictures in answers may lead to, *.host for those below it; else inert."
    )


class GenerationSettings(Section):
    """How answers are written."""

    model: str = Field("", description="Model that answers. Empty: the first of the preferred provider.")
    temperature: float = Field(0.2, ge=0, le=2, description="How freely it writes.")
    max_tokens: int = Field(2048, ge=1, le=32_000, description="Longest answer.")
    timeout_s: float = Field(120.0, gt=0, le=3600, description="Longest time for a whole answer.")
    routing: ModelRouting = ModelRouting()
