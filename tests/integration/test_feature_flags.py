"""Does each feature flag switch what it names, on and off?

``multi_model_routing`` is tried in ``test_model_policy.py``, ``notifications`` in ``test_notifications.py``, those of
parts that are not built yet in ``tests/unit/config/test_later.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from config.loader import load_settings
from services.bootstrap import Services, open_services
from services.worker.container import Worker
from tests.fixtures.application import Department
from tests.servers.openai_server import MODEL, OpenAIServer

Reopened = Callable[[dict[str, str]], AbstractAsyncContextManager[Services]]
PUMPS = "".join(f"# Pump P-{n}\n\nThe pump P-{n} stands in hall {n % 7} and moves water.\n\n" for n in range(400, 412))


@pytest.fixture
def reopened(environment: dict[str, str]) -> Reopened:
    """The application once more, with other settings over the same stores."""
    return lambda changed: open_services(load_settings(environ={**environment, **changed}))


@pytest.mark.sees("feature_flags.hybrid_search")
@pytest.mark.parametrize("on", [True, False])
async def test_hybrid_search_adds_words_to_meaning(
    on: bool, department: Department, worker: Worker, reopened: Reopened
) -> None:
    for number in range(400, 412):
        await department.read(worker, f"pump-{number}.md", PUMPS.split("\n\n# ")[number - 400].encode())
    environ = {"FOUNDRY__feature_flags__hybrid_search": str(on).lower()}
    async with reopened(environ) as services:
        found = await services.search.find(department.principal, "P-407", limit=12)
    by_meaning = sorted(found, key=lambda candidate: -(candidate.dense_score or 0))
    if on:
        assert found[0].chunk.filename == "pump-407.md"
        assert found[0].sparse_score
    else:
        assert [c.chunk.id for c in found] == [c.chunk.id for c in by_meaning]


@pytest.mark.sees("feature_flags.llm_streaming")
@pytest.mark.parametrize("on", [True, False])
async def test_llm_streaming_asks_the_model_for_a_stream(
    on: bool, department: Department, worker: Worker, reopened: Reopened
) -> None:
    await department.read(worker, "pumps.md", PUMPS.encode())
    async with OpenAIServer().running() as server:
        environ = {
            "FOUNDRY__feature_flags__llm_streaming": str(on).lower(),
            "FOUNDRY__plugins__llm_providers__openai__enabled": "true",
            "FOUNDRY__plugins__llm_providers__openai__config__api_key": "sk-test",
            "FOUNDRY__plugins__llm_providers__openai__config__base_url": server.base_url,
            "FOUNDRY__plugins__llm_providers__openai__config__default_model": MODEL,
        }
        async with reopened(environ) as services:
            run = await services.answering.ask(department.principal, "In which hall stands the pump P-407?")
            await run.wait()
    assert [bool(body.get("stream")) for body in server.bodies] == [on] * len(server.bodies)
    assert server.bodies
