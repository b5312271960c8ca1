"""Where does a key travel, and where not?"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from core.errors import ProviderUnavailableError
from core.types import PluginStatus, VectorFilter
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.provider import ChromaProvider
from plugins.vector_db.chroma.tests.stores import started, with_collection
from tests.contracts.vector_corpus import COLLECTION
from tests.servers.chroma_server import KEY, ChromaDoor, Fault


@pytest.mark.parametrize(
    ("header", "value"), [("x-chroma-token", KEY), ("authorization", f"Bearer {KEY}")], ids=["cloud", "proxy"]
)
async def test_the_key_travels_where_it_should_and_is_never_shown(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any], header: str, value: str
) -> None:
    store = await started(context, **wire, api_key=KEY, key_header=header)
    assert server.headers[header] == value
    server.fault = Fault.BAD_KEY
    health = await store.health_check()
    await store.close()
    assert health.status is PluginStatus.BROKEN
    assert KEY not in f"{health}{ChromaOptions(**wire, api_key=KEY)!r}"


async def test_two_stores_of_a_process_keep_their_keys_apart(
    context: PluginContext, server: ChromaDoor, wire: dict[str, Any]
) -> None:
    first = await with_collection(context, **wire, api_key="first")
    second = await with_collection(context, **wire, api_key="second")
    seen = []
    for store in (first, second):
        await store.count(COLLECTION, VectorFilter(uuid4()))
        seen.append(server.headers["x-chroma-token"])
    await first.close()
    assert await second.count(COLLECTION, VectorFilter(uuid4())) == 0
    await second.close()
    assert seen == ["first", "second"]


async def test_without_a_key_none_is_sent(context: PluginContext, server: ChromaDoor, wire: dict[str, Any]) -> None:
    await (await started(context, **wire)).close()
    assert not {"x-chroma-token", "authorization"} & set(server.headers)


async def test_a_key_over_plain_http_to_another_machine_is_logged(
    context: PluginContext, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = ChromaProvider(ChromaOptions(host="chroma.invalid", api_key=KEY, timeout_s=5), context)
    with pytest.raises(ProviderUnavailableError):
        await provider.start()
    await provider.close()
    logged = capsys.readouterr().out
    assert "chroma_key_travels_unencrypted" in logged
    assert KEY not in logged
