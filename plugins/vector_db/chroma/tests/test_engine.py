"""Does the engine of our own keep what it is given, in a process that ends with us?"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from core.errors import ConfigurationError, ProviderError, ProviderUnavailableError
from core.types import PluginStatus, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.provider import ChromaProvider
from plugins.vector_db.chroma.tests.stores import pid_of, started, with_collection
from plugins.vector_db.chroma.worker import settings
from tests.contracts.vector_corpus import COLLECTION, make_corpus, store_corpus


async def test_a_folder_keeps_everything_and_refuses_a_second_user(context: PluginContext) -> None:
    corpus = make_corpus(3)
    first = await with_collection(context, persist_directory="vectors", timeout_s=60)
    await store_corpus(first, corpus)
    second = ChromaProvider(ChromaOptions(persist_directory="vectors"), context)
    with pytest.raises(ConfigurationError, match="in use by another process"):
        await second.start()
    await second.close()
    assert await first.count(COLLECTION, VectorFilter(corpus.organization_id)) == 3
    await first.close()
    again = await started(context, persist_directory="vectors", timeout_s=60)
    hits = await again.search(COLLECTION, corpus.vectors[0], 1, VectorFilter(corpus.organization_id))
    await again.close()
    assert hits[0].id == corpus.ids[0]


async def test_two_stores_in_memory_share_nothing(context: PluginContext) -> None:
    one = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    two = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    corpus = make_corpus(2)
    await store_corpus(one, corpus)
    scope = VectorFilter(corpus.organization_id)
    assert [await store.count(COLLECTION, scope) for store in (one, two)] == [2, 0]
    await one.close()
    assert await two.count(COLLECTION, scope) == 0
    await two.close()


async def test_a_damaged_folder_is_an_error_in_our_words(context: PluginContext) -> None:
    (context.data_dir / "vectors").mkdir()
    (context.data_dir / "vectors" / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    store = ChromaProvider(ChromaOptions(persist_directory="vectors"), context)
    with pytest.raises(ProviderError):
        await store.start()
    await store.close()


async def test_writing_into_the_engine_never_holds_the_event_loop_up(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory=":memory:", timeout_s=60, upsert_batch=2_000)
    storing = asyncio.ensure_future(store_corpus(store, make_corpus(2_000)))
    turns = 0
    while not storing.done():
        await asyncio.sleep(0.001)
        turns += 1
    await storing
    await store.close()
    # In this process there would be 7, one of them half a second long.
    assert turns > 50


async def test_a_call_of_the_engine_that_takes_too_long_is_given_up(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory="vectors", timeout_s=60)
    await store.close()
    hasty = await started(context, persist_directory="vectors", timeout_s=60, upsert_batch=10_000)
    corpus, scope = make_corpus(5_000), VectorFilter(uuid4())
    await hasty.count(COLLECTION, scope)
    hasty._engine._timeout_s = 0.001  # type: ignore[union-attr]
    with pytest.raises(ProviderUnavailableError):
        await store_corpus(hasty, corpus)
    await hasty.close()


async def test_an_engine_whose_process_was_killed_is_unavailable_and_closes(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory="vectors", timeout_s=60)
    corpus = make_corpus(3)
    await store_corpus(store, corpus)
    os.kill(pid_of(store), signal.SIGKILL)
    with pytest.raises(ProviderUnavailableError):
        await store.count(COLLECTION, VectorFilter(corpus.organization_id))
    assert (await store.health_check()).status is PluginStatus.BROKEN
    await store.close()
    again = await started(context, persist_directory="vectors", timeout_s=60)
    assert await again.count(COLLECTION, VectorFilter(corpus.organization_id)) == 3
    await again.close()


async def test_the_engines_process_ends_with_the_store(context: PluginContext) -> None:
    store = await with_collection(context, persist_directory=":memory:", timeout_s=60)
    pid = pid_of(store)
    await store.close()
    assert not psutil.pid_exists(pid)


def test_the_engines_process_ends_with_an_application_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "application.py"
    script.write_text(_APPLICATION, encoding="utf-8")
    root = str(Path(__file__).parents[4])
    with subprocess.Popen(
        [sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    ) as application:
        assert application.stdout is not None
        engine = psutil.Process(int(application.stdout.readline()))
        application.kill()
    engine.wait(timeout=30)


_APPLICATION = """
import asyncio, sys
from pathlib import Path
import httpx
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.provider import ChromaOptions, ChromaProvider

async def main():
    context = PluginContext(http=httpx.AsyncClient(), data_dir=Path(sys.argv[1]))
    store = ChromaProvider(ChromaOptions(persist_directory="vectors"), context)
    await store.start()
    print(store._engine._pid, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_without_the_library_the_engine_says_what_to_install(
    context: PluginContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    store = ChromaProvider(ChromaOptions(persist_directory=":memory:"), context)
    with pytest.raises(ConfigurationError, match="extra `chroma`"):
        await store.start()
    await store.close()


def test_telemetry_is_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "true")
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "http://collector.invalid")
    monkeypatch.setenv("CHROMA_API_IMPL", "chromadb.api.fastapi.FastAPI")
    made = settings()
    assert not made.anonymized_telemetry
    assert not made.chroma_otel_collection_endpoint
    assert "Rust" in made.chroma_api_impl


def test_naming_the_plugin_and_asking_a_server_do_not_import_the_library() -> None:
    code = (
        "import sys;"
        "from plugins.vector_db.chroma import embedded, provider, server;"
        "assert not {'chromadb', 'chromadb_rust_bindings'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])
