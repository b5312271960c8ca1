"""Are the options of a rerank service checked before anything is sent?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from plugins.interfaces import PluginContext
from plugins.reranker.http import HttpReranker
from tests.contracts.test_reranker import candidate
from tests.servers.rerank_server import RerankServer


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://x", "shape": "cohere"},
        {"url": "http://x", "shape": "jina", "model": "m"},
        {"url": "ftp://x", "shape": "tei"},
        {"url": "http://user:password@x", "shape": "tei"},
        {"url": "http://x", "shape": "tei", "path": "rerank"},
        {"url": "http://x", "shape": "tei", "timeout_s": 0},
        {"url": "http://x", "shape": "tei", "sape": 1},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpReranker.Options.model_validate(options)


async def test_path_in_the_options_replaces_that_of_the_shape(tmp_path: Path) -> None:
    async with RerankServer().running() as server, httpx.AsyncClient() as http:
        made = {"url": f"{server.address}/", "shape": "cohere", "model": "m", "path": "/v1/rerank"}
        context = PluginContext(http=http, data_dir=tmp_path)
        found = await HttpReranker(HttpReranker.Options.model_validate(made), context).rerank("a", [candidate("a")], 1)
    assert [item.score for item in found] == [1.0]
    assert server.paths == ["/v1/rerank"]


def test_key_does_not_show_in_the_options() -> None:
    made = {"url": "http://x", "shape": "tei", "api_key": "key-leak"}
    assert "key-leak" not in repr(HttpReranker.Options.model_validate(made))
