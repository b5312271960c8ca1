"""How is the application put together?

The composition root of every process; ``services.worker.container`` adds what only a worker has. Everything it opens is
closed in reverse order, whatever happened between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from config.loader import LoadedSettings, load_settings
from config.models import Settings
from core.errors import ProviderUnavailableError
from core.identity import Principal, Role
from core.security.passwords import PasswordRules
from db.unit_of_work import Database
from graph.context import AnswerSettings, GraphContext
from plugins.framework.manager import PluginManager
from plugins.interfaces import (
    AuthProvider,
    EmbeddingProvider,
    FederatedLogin,
    RateLimiter,
    VectorDBProvider,
)
from plugins.rate_limiter.memory import MemoryRateLimiter
from services.accounts.accounts import AccountService
from services.accounts.federated_accounts import FederatedAccounts
from services.accounts.federation import FederationService
from services.accounts.rate_limits import LimitService
from services.answers.conversations import ChatService
from services.answers.feedback import FeedbackService
from services.answers.library import DocumentLibrary
from services.answers.runs import AnsweringService, ContextFactory
from services.answers.starters import StarterService, sample_starters
from services.blobs import BlobStore
from services.connections import maintenance_address
from services.deletion.inventory import Stores
from services.deletion.service import RemovalService
from services.documents.documents import DocumentService
from services.documents.versions import VersionService
from services.fallbacks import fitted
from services.indexing.pipeline import CONTEXT_RESERVE_TOKENS, rules_for
from services.indexing.tasks import TaskService
from services.infrastructure import Infrastructure, build, first_manager, open_infrastructure
from services.models.llm import Models, open_models
from services.models.model_policy import DataPolicyService
from services.models.reranker import Reranking, open_reranking
from services.operations.health import HealthService
from services.operations.tenants import TenantService
from services.search.retriever import HybridRetriever
from services.search.search import SearchService
from services.search_index.indexes import Indexes, IndexService, open_indexes
from services.search_index.term_statistics import LexicalIndex
from services.settings.store import saved
from services.settings.versions import SettingsService
from services.tasks.queue import JobQueue
from services.uploads.resumable import ResumableUploads
from services.uploads.uploads import IngestionService

log = structlog.get_logger(__name__)

NOBODY = Principal(UUID(int=0), UUID(int=0), Role.VIEWER, "", scopes=frozenset())
"""Stands in the template until a question has a principal."""


@dataclass(frozen=True, slots=True)
class Services:
    """The application without a face."""

    settings: Settings
    database: Database
    plugins: PluginManager
    queue: JobQueue
    blobs: BlobStore
    lexical: LexicalIndex
    stores: Stores
    embedding: EmbeddingProvider
    vectors: VectorDBProvider
    indexes: Indexes
    limiter: RateLimiter
    accounts: AccountService
    federation: FederationService
    documents: DocumentService
    removal: RemovalService
    tenants: TenantService
    ingestion: IngestionService
    tasks: TaskService
    uploads: ResumableUploads
    versions: VersionService
    chats: ChatService
    feedback: FeedbackService
    starters: StarterService
    answering: AnsweringService
    retriever: HybridRetriever
    search: SearchService
    health: HealthService
    limits: LimitService
    data_policy: DataPolicyService
    saved_settings: SettingsService
    index_progress: IndexService


@asynccontextmanager
async def open_services(loaded: LoadedSettings | None = None) -> AsyncIterator[Services]:
    """Open everything, in the order in which it depends on each other.

    Without settings given, those of the files are read and then what was saved over them.

    Raises:
        ConfigurationError: The settings are wrong or incomplete.
        ProviderUnavailableError: A plugin nothing works without does not run; says why.
    """
    first = loaded or load_settings()
    async with open_infrastructure(first.settings) as infrastructure:
        latest = first if loaded else load_settings(saved=(await saved(infrastructure.database)).content)
        settings = (await asyncio.to_thread(fitted, latest)).settings
        plugins = await first_manager(settings, infrastructure)
        try:
            await build(plugins, infrastructure)
            yield await assemble(settings, infrastructure, plugins)
            await infrastructure.answering.close()
        finally:
            await plugins.close()


async def assemble(settings: Settings, infrastructure: Infrastructure, plugins: PluginManager) -> Services:
    """Put services together over plugins that run.

    Raises:
        ConfigurationError: A collection exists with another number of dimensions.
        ProviderUnavailableError: A plugin nothing works without does not run; says why.
    """
    database = infrastructure.database
    indexes = await open_indexes(settings, database, plugins)
    embedding, vectors = indexes.primary.embedding, indexes.primary.vectors
    if embedding is None or vectors is None:
        raise ProviderUnavailableError("The index has no embedding or no store.")
    retriever = HybridRetriever(
        database=database,
        indexes=indexes,
        lexical=infrastructure.lexical,
        dense_weight=settings.retrieval.hybrid_search_weight if settings.feature_flags.hybrid_search else 1.0,
        fusion=settings.retrieval.fusion,
        rrf_k=settings.retrieval.rrf_k,
        depth=settings.retrieval.candidate_k,
    )
    limiter = _limiter(settings, plugins)
    rules = _password_rules(settings)
    sessions, logins = _auth(plugins)
    accounts = AccountService(database, sessions, password_rules=rules)
    models, policies = open_models(settings, plugins, infrastructure.redis), DataPolicyService(database)
    reranking = open_reranking(settings, plugins, infrastructure.context)
    ingestion = IngestionService(database, infrastructure.blobs, infrastructure.queue, settings.ingestion)
    tasks = TaskService(database)
    stores = Stores(indexes, infrastructure.blobs, infrastructure.queue, infrastructure.redis)
    removal = RemovalService(database, stores, backup_days=settings.storage.backup_days)
    starters = StarterService(database, sample_starters())
    library = DocumentLibrary(database, starters)
    template = _graph_context(settings, models, reranking, retriever, library, embedding)
    infrastructure.answering.use(_snapshots(template, policies))
    return Services(
        settings=settings,
        database=database,
        plugins=plugins,
        queue=infrastructure.queue,
        blobs=infrastructure.blobs,
        lexical=infrastructure.lexical,
        stores=stores,
        embedding=embedding,
        vectors=vectors,
        indexes=indexes,
        limiter=limiter,
        accounts=accounts,
        federation=FederationService(
            logins,
            next((plugins.get("cache", name) for name in plugins.names("cache")), None),
            accounts,
            FederatedAccounts(database),
            base_url=settings.chat.url,
        ),
        documents=DocumentService(database, infrastructure.blobs, removal, drawer=infrastructure.drawer),
        removal=removal,
        tenants=TenantService(
            maintenance_address(settings), database, stores, backup_days=settings.storage.backup_days
        ),
        ingestion=ingestion,
        tasks=tasks,
        uploads=ResumableUploads(
            infrastructure.blobs, ingestion, tasks.receipt, max_file_bytes=settings.ingestion.max_file_bytes
        ),
        versions=VersionService(database, indexes, infrastructure.lexical, ingestion),
        chats=infrastructure.chats,
        feedback=FeedbackService(database),
        starters=starters,
        answering=infrastructure.answering,
        retriever=retriever,
        search=SearchService(retriever, default_limit=settings.retrieval.default_k, max_limit=settings.retrieval.max_k),
        health=HealthService(
            database, infrastructure.redis, plugins, models.router, lambda: infrastructure.refusal.reason
        ),
        data_policy=policies,
        saved_settings=SettingsService(
            database, infrastructure.redis, chunk_window=embedding.max_tokens - CONTEXT_RESERVE_TOKENS
        ),
        index_progress=IndexService(database, indexes, str(rules_for(settings, embedding))),
        limits=LimitService(
            limiter,
            settings.rate_limiting,
            stand_in=MemoryRateLimiter(MemoryRateLimiter.Options(), infrastructure.context),
        ),
    )


def _limiter(settings: Settings, plugins: PluginManager) -> RateLimiter:
    """The entry that ``rate_limiting.storage`` names; while it does not run, the first that does."""
    wanted = settings.rate_limiting.storage
    name = wanted if wanted in plugins.names("rate_limiter") else _first(plugins, "rate_limiter")
    if name != wanted:
        log.warning("rate_limiting_storage_not_running", wanted=wanted, instead=name)
    return plugins.get("rate_limiter", name)


def _password_rules(settings: Settings) -> PasswordRules:
    auth = settings.auth
    return PasswordRules(
        min_length=auth.password_min_length,
        require_upper=auth.require_uppercase,
        require_number=auth.require_numbers,
        require_special=auth.require_special_chars,
    )


def _auth(plugins: PluginManager) -> tuple[AuthProvider, dict[str, FederatedLogin]]:
    """(the login that opens sessions, the logins of others by name)."""
    running = [(name, plugins.get("auth", name)) for name in plugins.names("auth")]
    logins = {name: plugin for name, plugin in running if isinstance(plugin, FederatedLogin)}
    for _, plugin in running:
        if not isinstance(plugin, FederatedLogin):
            return plugin, logins
    raise ProviderUnavailableError(
        "No auth plugin that opens sessions runs.", next_step="Enable the jwt entry in plugins.authentication."
    )


def _graph_context(
    settings: Settings,
    models: Models,
    reranking: Reranking,
    retriever: HybridRetriever,
    library: DocumentLibrary,
    embedding: EmbeddingProvider,
) -> GraphContext:
    return GraphContext(
        principal=NOBODY,
        retriever=retriever,
        library=library,
        reranker=reranking.reranker,
        reranker_local=reranking.local,
        llm=models.router,
        embedding=embedding,
        extractive=models.extractive,
        fallback=models.fallback,
        settings=AnswerSettings(
            rerank_top_k=settings.retrieval.rerank_top_k,
            min_evidence=settings.retrieval.min_evidence_score,
            model=models.default_model,
            temperature=settings.generation.temperature,
            max_tokens=settings.generation.max_tokens,
            stream=settings.feature_flags.llm_streaming,
            caution=settings.answers.caution,
            max_rewrites=settings.retrieval.max_rewrites,
            fence_orders=settings.ingestion.orders_in_documents == "fence",
            link_hosts=settings.answers.allowed_link_hosts,
        ),
    )


def _snapshots(template: GraphContext, policies: DataPolicyService) -> ContextFactory:
    async def snapshot(principal: Principal) -> GraphContext:
        return replace(template, principal=principal, allowed_models=await policies.allowed_models(principal))

    return snapshot


def _first(plugins: PluginManager, kind: str) -> str:
    """The first entry of a kind that runs; asking the manager for a missing one says why it does not."""
    names = plugins.names(kind)  # type: ignore[arg-type]  # kinds are checked by the manager
    if names:
        return names[0]
    broken = next((state for state in plugins.states() if state.kind == kind), None)
    raise ProviderUnavailableError(
        f"No {kind} plugin runs{f': {broken.reason}' if broken else ' or is enabled.'}",
        next_step="See plugins in the settings: foundry config show.",
    )
