"""What stays as long as a process: connections, stores, plugins in the making, and answers under way.

The lower half of the composition root: over it ``services.bootstrap`` puts services together, again with new settings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import structlog
from redis.asyncio import BlockingConnectionPool, Redis

from config.models import Settings
from core.errors import ProviderUnavailableError
from core.identity import Principal
from db.engine import create_engine
from db.unit_of_work import Database
from graph.build import build_graph
from graph.context import GraphContext
from plugins.framework.manager import PluginManager
from plugins.framework.manifest import Kind
from plugins.interfaces import (
    PluginContext,
)
from plugins.parser.sandbox.drawing import PageDrawer
from services.accounts.credentials import DatabaseCredentialStore
from services.answers.conversations import ChatService
from services.answers.runs import AnsweringService
from services.blobs import MEGABYTE, BlobStore
from services.connections import application_address, owner_address, queue_url, redis_url
from services.redis_version import require_version
from services.roles import require_bound_role
from services.search_index.indexes import entries_with_former
from services.search_index.term_statistics import LexicalIndex
from services.tasks.queue import JobQueue, connect

log = structlog.get_logger(__name__)

BUILT_HERE: tuple[Kind, ...] = ("llm", "vector_db", "reranker", "auth", "rate_limiter", "cache", "notifier")
"""Kinds every process builds, after the embedding; parsers run in children of the worker."""


@dataclass(slots=True)
class SettingsRejection:
    """Why the newest settings are not in force; empty when they are."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """What stays as long as the process: stores, connections, and the answers under way."""

    database: Database
    redis: Redis
    context: PluginContext
    queue: JobQueue
    blobs: BlobStore
    drawer: PageDrawer
    lexical: LexicalIndex
    chats: ChatService
    answering: AnsweringService
    refusal: SettingsRejection = field(default_factory=SettingsRejection)


@asynccontextmanager
async def open_infrastructure(settings: Settings) -> AsyncIterator[Infrastructure]:
    """Connect to the stores; closes in reverse order."""
    async with AsyncExitStack() as stack:
        address = application_address(settings)
        database = Database(
            create_engine(
                address,
                pool_size=settings.database.pool_size,
                max_overflow=settings.database.max_overflow,
                pre_ping=settings.database.pool_pre_ping,
                echo=settings.database.echo,
            )
        )
        stack.push_async_callback(database.close)
        await require_bound_role(database)
        redis = await _redis(settings, stack)
        await require_version(redis, settings)
        context = PluginContext(
            http=await stack.enter_async_context(httpx.AsyncClient(timeout=60)),
            data_dir=Path(settings.storage.data_dir),
            redis=redis,
            database_url=address.libpq(),
            migration_url=owner_address(settings).libpq(),
            credentials=DatabaseCredentialStore(database),
        )
        chats = ChatService(database)
        answering = AnsweringService(
            build_graph(),
            chats,
            _nobody_answers,
            log_content=settings.observability.logging.include_content,
        )
        stack.push_async_callback(answering.close)
        drawer = PageDrawer()
        stack.push_async_callback(drawer.close)
        yield Infrastructure(
            database=database,
            redis=redis,
            context=context,
            queue=JobQueue(connect(queue_url(settings)), settings.queue.names[0]),
            blobs=BlobStore(
                Path(settings.storage.data_dir) / "files", min_free_bytes=settings.storage.min_free_mb * MEGABYTE
            ),
            drawer=drawer,
            lexical=LexicalIndex(database),
            chats=chats,
            answering=answering,
        )


async def _redis(settings: Settings, stack: AsyncExitStack) -> Redis:
    pool = BlockingConnectionPool.from_url(
        redis_url(settings), max_connections=settings.redis.max_connections, timeout=5, socket_timeout=5
    )
    client = Redis(connection_pool=pool)
    stack.push_async_callback(pool.disconnect)
    stack.push_async_callback(client.aclose)
    return client


async def _nobody_answers(_: Principal) -> GraphContext:
    raise ProviderUnavailableError("The application is still starting.")


async def first_manager(settings: Settings, infrastructure: Infrastructure) -> PluginManager:
    """The manager of a process that starts."""
    return PluginManager(await entries_with_former(settings, infrastructure.database), infrastructure.context)


async def build(manager: PluginManager, infrastructure: Infrastructure) -> None:
    """Build what the manager does not run yet; embeddings first, since others are built with one."""
    context = infrastructure.context
    for name in await manager.build("embedding"):
        context = replace(context, embedding=manager.get("embedding", name))
        break
    for kind in BUILT_HERE:
        await manager.build(kind, context=context)
