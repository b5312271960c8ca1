"""Which options of Chroma hold?"""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from core.errors import ConfigurationError
from plugins.interfaces import PluginContext
from plugins.vector_db.chroma.options import ChromaOptions
from plugins.vector_db.chroma.tests.stores import started


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://a:8000", "host": "b"},
        {"host": "a", "persist_directory": ":memory:"},
        {"url": "a:8000"},
        {"url": "ftp://a"},
        {"host": "http://a"},
        {"collection_prefix": "-a"},
        {"collection_prefix": "a/"},
        {"tenant": "a/../b"},
        {"key_header": "cookie"},
        {"timeout_s": 0},
        {"verify": False},
    ],
)
def test_options_that_contradict_each_other_or_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        ChromaOptions(**options)


def test_host_port_and_https_make_an_address() -> None:
    assert ChromaOptions(host="chroma").address == "http://chroma:8000"
    assert ChromaOptions(host="::1", port=7, https=True).address == "https://[::1]:7"
    assert ChromaOptions(url="https://c.example/x/").address == "https://c.example/x"


async def test_options_without_a_place_are_named_at_start(context: PluginContext) -> None:
    with pytest.raises(ConfigurationError, match="url, host or path"):
        await started(context)
