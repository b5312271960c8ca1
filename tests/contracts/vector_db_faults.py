"""What must a vector store behind a wire do when its server misbehaves?

An implementation's test class inherits ``FaultContract`` besides ``VectorStoreContract`` and provides the fixtures
``server`` and ``impatient``: a second provider for the same server and collection whose calls end after .2 seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import uuid4

import pytest

from core.errors import ProviderError, ProviderRateLimitError, ProviderUnavailableError
from core.types import PluginStatus, VectorFilter
from plugins.interfaces import VectorDBProvider
from tests.contracts.vector_corpus import COLLECTION, QUERY_TERMS, SIZE, make_corpus, query_vector, store_corpus


class MisbehavingServer(Protocol):
    """A local server of the vendor's protocol."""

    def misbehave(self, fault: str) -> None:
        """Answer every call with this fault from now on; ``none`` ends it."""

    async def until_opened(self, count: int) -> None:
        """Wait until so many calls lie unanswered."""

    async def until_cancelled(self, count: int) -> None:
        """Wait until so many unanswered calls were given up by the other side."""


TRIES = 10
Call = Callable[[VectorDBProvider], Awaitable[object]]
SCOPE = VectorFilter(uuid4())
ROWS = make_corpus(3, organization_id=SCOPE.organization_id)
READS: dict[str, Call] = {
    "search": lambda store: store.search(COLLECTION, query_vector(), 5, SCOPE),
    "search_hybrid": lambda store: store.search_hybrid(COLLECTION, query_vector(), QUERY_TERMS, 5, SCOPE),
    "count": lambda store: store.count(COLLECTION, SCOPE),
}
WRITES: dict[str, Call] = {
    "upsert": lambda store: store_corpus(store, ROWS),
    "delete": lambda store: store.delete(COLLECTION, ROWS.ids, SCOPE.organization_id),
    "delete_documents": lambda store: store.delete_documents(COLLECTION, [uuid4()], SCOPE.organization_id),
    "delete_version": lambda store: store.delete_version(COLLECTION, uuid4(), SCOPE.organization_id),
    "create_collection": lambda store: store.create_collection("another", SIZE),
}
CALLS = {**READS, **WRITES}


class FaultContract:
    """Every call, every fault."""

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ("rate_limited", ProviderRateLimitError),
            ("broken", ProviderUnavailableError),
            ("cut", ProviderUnavailableError),
            ("bad_key", ProviderError),
        ],
    )
    async def test_each_fault_is_told_in_our_words_and_passes(
        self, store: VectorDBProvider, server: MisbehavingServer, call: str, fault: str, expected: type[ProviderError]
    ) -> None:
        server.misbehave(fault)
        with pytest.raises(ProviderError) as caught:
            await CALLS[call](store)
        assert type(caught.value) is expected
        if isinstance(caught.value, ProviderRateLimitError):
            assert caught.value.retry_after_s == 7
        if fault == "bad_key":
            assert "key" in str(caught.value)
        server.misbehave("none")
        await CALLS[call](store)

    @pytest.mark.parametrize("call", CALLS)
    async def test_nonsense_is_an_error_and_never_an_empty_result(
        self, store: VectorDBProvider, server: MisbehavingServer, call: str
    ) -> None:
        server.misbehave("nonsense")
        with pytest.raises(ProviderError) as caught:
            await CALLS[call](store)
        assert "html" not in str(caught.value)

    @pytest.mark.parametrize("call", CALLS)
    async def test_silence_ends_after_the_timeout_and_the_call_is_given_up(
        self, impatient: VectorDBProvider, server: MisbehavingServer, call: str
    ) -> None:
        server.misbehave("silent")
        for _ in range(TRIES):
            with pytest.raises(ProviderUnavailableError):
                await CALLS[call](impatient)
            # On a busy machine its time may be over before it has come to the server.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await server.until_cancelled(1)
                return
        pytest.fail("No call that came to the server was given up there.")

    @pytest.mark.parametrize("call", ["search_hybrid", "upsert"])
    async def test_cancelling_ends_the_call_at_the_server_and_the_next_one_works(
        self, store: VectorDBProvider, server: MisbehavingServer, call: str
    ) -> None:
        server.misbehave("silent")
        running = asyncio.ensure_future(CALLS[call](store))
        await server.until_opened(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await server.until_cancelled(1)
        server.misbehave("none")
        await store_corpus(store, ROWS)
        assert await store.count(COLLECTION, SCOPE) == len(ROWS.ids)

    @pytest.mark.parametrize("call", ["search", "search_hybrid"])
    async def test_a_server_that_ignores_filters_is_found_out(
        self, store: VectorDBProvider, server: MisbehavingServer, call: str
    ) -> None:
        await store_corpus(store, make_corpus(5, seed=9))
        server.misbehave("foreign")
        with pytest.raises(ProviderError, match="another organisation"):
            await READS[call](store)

    @pytest.mark.parametrize("fault", ["rate_limited", "broken", "bad_key", "cut", "nonsense"])
    async def test_health_says_what_is_wrong(
        self, store: VectorDBProvider, server: MisbehavingServer, fault: str
    ) -> None:
        server.misbehave(fault)
        health = await store.health_check()
        assert (health.status, bool(health.detail)) == (PluginStatus.BROKEN, True)
        server.misbehave("none")
        assert (await store.health_check()).status is PluginStatus.HEALTHY

    async def test_health_of_a_silent_server_is_told_in_time(
        self, impatient: VectorDBProvider, server: MisbehavingServer
    ) -> None:
        server.misbehave("silent")
        async with asyncio.timeout(4):
            assert (await impatient.health_check()).status is PluginStatus.BROKEN
