"""Does every reranker keep the contract, whatever stands behind it?

Real models on ONNX Runtime, and local servers of both shapes (``tests/servers/rerank_server.py``).
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.errors import ProviderError, ProviderRateLimitError, ProviderUnavailableError
from core.types import Candidate, Chunk, PluginStatus
from plugins.interfaces import Plugin, PluginContext, Reranker
from plugins.reranker.cross_encoder import CrossEncoderReranker
from plugins.reranker.http import HttpReranker
from plugins.reranker.none import NoReranker
from tests.fixtures.cross_encoder import texts_of, write_cross_encoder
from tests.servers.rerank_server import Fault, RerankServer

QUERY = "how long do refunds take"
SHAPES: dict[str, dict[str, Any]] = {"tei": {"shape": "tei"}, "cohere": {"shape": "cohere", "model": "rerank-test"}}
KINDS = ("none", "onnx", "torch", "tei", "cohere")


def candidate(content: str, score: float = 0.5, *, context: str = "") -> Candidate:
    chunk = Chunk(
        id=uuid4(),
        document_id=uuid4(),
        version_id=UUID(int=1),
        version_number=1,
        filename="a.md",
        mime_type="text/markdown",
        content=content,
        page=1,
        char_start=0,
        char_end=len(content),
        context=context,
    )
    return Candidate(chunk, score, dense_score=0.25, sparse_score=3.0)


def candidates_of(count: int) -> list[Candidate]:
    return [candidate(text, 1 - place / (count + 1)) for place, text in enumerate(texts_of(count))]


@dataclass(frozen=True)
class Wire:
    """An HTTP reranker, its server, and how to make another one with other options."""

    shape: str
    server: RerankServer
    context: PluginContext

    async def reranker(self, **options: Any) -> HttpReranker:
        made = {"url": self.server.address, "timeout_s": 10, "api_key": "key-test", **SHAPES[self.shape], **options}
        plugin = HttpReranker(HttpReranker.Options.model_validate(made), self.context)
        await plugin.start()
        return plugin


@pytest.fixture(params=list(SHAPES))
async def wire(request: pytest.FixtureRequest, plugin_context: PluginContext) -> AsyncIterator[Wire]:
    async with RerankServer().running() as server:
        yield Wire(request.param, server, plugin_context)


@pytest.fixture(params=KINDS)
async def reranker(
    request: pytest.FixtureRequest, plugin_context: PluginContext, tmp_path: Path
) -> AsyncIterator[Reranker]:
    async with AsyncExitStack() as stack:
        made = await _made(request.param, plugin_context, tmp_path, stack)
        await made.start()
        yield made
        await made.close()
        await made.close()


async def _made(kind: str, context: PluginContext, folder: Path, stack: AsyncExitStack) -> Reranker:
    if kind == "none":
        return NoReranker(NoReranker.Options(), context)
    if kind == "onnx":
        model = str(write_cross_encoder(folder / "model"))
        return CrossEncoderReranker(CrossEncoderReranker.Options(model=model), context)
    if kind == "torch":
        if find_spec("sentence_transformers") is None:
            pytest.skip("sentence-transformers is not installed (extra: torch)")
        from tests.fixtures.torch_cross_encoder import write_torch_cross_encoder

        model = str(write_torch_cross_encoder(folder / "model"))
        return CrossEncoderReranker(CrossEncoderReranker.Options(model=model, backend="torch"), context)
    server = await stack.enter_async_context(RerankServer().running())
    return HttpReranker(HttpReranker.Options.model_validate({"url": server.address, **SHAPES[kind]}), context)


# -- all of them


async def test_it_is_a_plugin_and_healthy(reranker: Reranker) -> None:
    assert isinstance(reranker, Plugin)
    assert (await reranker.health_check()).status is PluginStatus.HEALTHY


async def test_no_candidates_give_no_evidence(reranker: Reranker) -> None:
    assert await reranker.rerank(QUERY, [], 3) == []


async def test_asking_for_none_gives_none(reranker: Reranker) -> None:
    assert await reranker.rerank(QUERY, candidates_of(3), 0) == []


async def test_more_asked_for_than_there_are_gives_all_of_them_once(reranker: Reranker) -> None:
    given = candidates_of(5)
    found = await reranker.rerank(QUERY, given, 50)
    assert len(found) == 5
    assert {item.chunk.id for item in found} == {item.chunk.id for item in given}


async def test_best_come_first_with_scores_between_0_and_1(reranker: Reranker) -> None:
    found = await reranker.rerank(QUERY, candidates_of(40), 10)
    scores = [item.score for item in found]
    assert len(found) == 10
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_fewer_asked_for_are_the_first_of_more(reranker: Reranker) -> None:
    given = candidates_of(40)
    all_of_them = await reranker.rerank(QUERY, given, 40)
    few = await reranker.rerank(QUERY, given, 7)
    assert [item.chunk.id for item in few] == [item.chunk.id for item in all_of_them[:7]]


async def test_what_it_was_given_is_left_as_it_was(reranker: Reranker) -> None:
    given = candidates_of(20)
    before = copy.deepcopy(given)
    found = await reranker.rerank(QUERY, given, 20)
    assert given == before
    assert {(item.dense_score, item.sparse_score) for item in found} == {(0.25, 3.0)}


async def test_equal_passages_stay_in_the_order_of_the_search_every_time(reranker: Reranker) -> None:
    given = [candidate("refunds take long") for _ in range(30)]
    for _ in range(3):
        found = await reranker.rerank(QUERY, given, 30)
        assert [item.chunk.id for item in found] == [item.chunk.id for item in given]


async def test_ten_thousand_candidates_are_ranked(reranker: Reranker) -> None:
    given = candidates_of(10_000)
    found = await reranker.rerank(QUERY, given, 100)
    assert len({item.chunk.id for item in found}) == 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00\n",
        "退款需要多长时间",
        "كم تستغرق المبالغ المستردة",
        "🧾🧾",
        "e\u0301\u200d\ufeff",
        "half \ud83d here",
    ],
)
async def test_any_text_can_be_asked_and_judged(reranker: Reranker, text: str) -> None:
    given = [candidate(text), candidate("refunds take 14 days"), candidate(text, context=text)]
    assert len(await reranker.rerank(text, given, 3)) == 3


async def test_question_and_passages_of_any_length_are_judged(reranker: Reranker) -> None:
    given = [candidate("refund " * 20_000), candidate("days")]
    assert len(await reranker.rerank("long " * 2_000, given, 2)) == 2


async def test_several_questions_at_once_get_their_own_answers(reranker: Reranker) -> None:
    questions = ["refund days", "printer paper", "how long", "the 3"]
    given = candidates_of(30)
    alone = [await reranker.rerank(question, given, 5) for question in questions]
    assert await asyncio.gather(*(reranker.rerank(question, given, 5) for question in questions)) == alone


# -- none


async def test_none_keeps_order_and_scores(plugin_context: PluginContext) -> None:
    given = [candidate("text", score) for score in (0.9, 0.5, 0.7)]
    assert await NoReranker(NoReranker.Options(), plugin_context).rerank("q", given, 2) == given[:2]


# -- those behind a wire


async def test_passage_with_the_words_of_the_question_wins(wire: Wire) -> None:
    given = [candidate("printer paper"), candidate("take days"), candidate("refunds take long")]
    found = await (await wire.reranker()).rerank(QUERY, given, 2)
    assert [item.chunk.content for item in found] == ["refunds take long", "take days"]
    assert [item.score for item in found] == pytest.approx([3 / 5, 1 / 5])


async def test_request_has_the_words_of_the_shape_the_headings_and_the_key(wire: Wire) -> None:
    await (await wire.reranker()).rerank(QUERY, [candidate("14 days", context="Refunds"), candidate("paper")], 1)
    texts = ["Refunds\n14 days", "paper"]
    expected = {
        "tei": {"query": QUERY, "texts": texts, "truncate": True, "raw_scores": False, "return_text": False},
        "cohere": {"model": "rerank-test", "query": QUERY, "documents": texts, "top_n": 1},
    }
    assert wire.server.bodies == [expected[wire.shape]]
    assert wire.server.headers["authorization"] == "Bearer key-test"


async def test_without_a_key_none_is_sent(wire: Wire) -> None:
    await (await wire.reranker(api_key="")).rerank(QUERY, candidates_of(2), 1)
    assert "authorization" not in wire.server.headers


async def test_many_passages_are_split_and_merged_to_the_same_ranking(wire: Wire) -> None:
    given = candidates_of(30)
    whole = await (await wire.reranker(batch_limit=30)).rerank("paper 7 refund", given, 30)
    split = await (await wire.reranker(batch_limit=4, concurrency=3)).rerank("paper 7 refund", given, 30)
    assert split == whole
    assert sorted(len(body.get("texts") or body["documents"]) for body in wire.server.bodies) == [2, *[4] * 7, 30]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RATE_LIMITED, ProviderRateLimitError),
        (Fault.BROKEN, ProviderUnavailableError),
        (Fault.UNAVAILABLE, ProviderUnavailableError),
        (Fault.SILENT, ProviderUnavailableError),
        (Fault.DRIPPING, ProviderUnavailableError),
        (Fault.CUT, ProviderUnavailableError),
        (Fault.BAD_KEY, ProviderError),
        (Fault.REDIRECTED, ProviderError),
        (Fault.HTML, ProviderError),
        (Fault.OTHER_JSON, ProviderError),
        (Fault.TWICE, ProviderError),
        (Fault.OUT_OF_RANGE, ProviderError),
        (Fault.NEGATIVE, ProviderError),
        (Fault.TOO_FEW, ProviderError),
        (Fault.NOT_A_NUMBER, ProviderError),
        (Fault.WORD, ProviderError),
        (Fault.FLOOD, ProviderError),
    ],
)
async def test_fault_of_the_service_is_told_in_our_words_without_the_passages(
    wire: Wire, fault: Fault, expected: type[ProviderError]
) -> None:
    # Only silence has to be waited for; elsewhere a short timeout would end the call before the fault is seen.
    reranker = await wire.reranker(timeout_s=0.3 if fault in (Fault.SILENT, Fault.DRIPPING) else 30)
    wire.server.fault = fault
    with pytest.raises(ProviderError) as caught:
        await reranker.rerank(QUERY, [candidate("secret refunds"), candidate("secret days"), candidate("paper")], 3)
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or "secret" not in str(caught.value.__cause__)
    assert wire.server.opened == 1
    if isinstance(caught.value, ProviderRateLimitError):
        assert caught.value.retry_after_s == 7


async def test_one_broken_batch_ends_the_others(wire: Wire) -> None:
    reranker = await wire.reranker(batch_limit=1, concurrency=2)
    wire.server.fault = Fault.BROKEN
    with pytest.raises(ProviderUnavailableError):
        await reranker.rerank(QUERY, candidates_of(50), 5)
    assert wire.server.opened <= 2


async def test_service_that_is_not_there_is_unavailable(wire: Wire) -> None:
    reranker = await wire.reranker(url="http://127.0.0.1:9")
    with pytest.raises(ProviderUnavailableError):
        await reranker.rerank(QUERY, candidates_of(2), 1)
    assert (await reranker.health_check()).status is PluginStatus.BROKEN


async def test_cancelling_ends_the_request(wire: Wire) -> None:
    wire.server.fault = Fault.SILENT
    task = asyncio.create_task((await wire.reranker(timeout_s=60)).rerank(QUERY, candidates_of(2), 1))
    await wire.server.until(opened=1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wire.server.until(cancelled=1)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.RATE_LIMITED, PluginStatus.DEGRADED),
        (Fault.UNAVAILABLE, PluginStatus.BROKEN),
        (Fault.BAD_KEY, PluginStatus.BROKEN),
        (Fault.REDIRECTED, PluginStatus.BROKEN),
    ],
)
async def test_health_says_what_is_wrong_and_asks_for_no_ranking(
    wire: Wire, fault: Fault, status: PluginStatus
) -> None:
    reranker = await wire.reranker()
    wire.server.fault = fault
    health = await reranker.health_check()
    assert health.status is status
    assert health.detail
    assert wire.server.bodies == []


# -- the one on this machine


async def test_cross_encoder_that_takes_too_long_says_so(plugin_context: PluginContext, tmp_path: Path) -> None:
    options = CrossEncoderReranker.Options(model=str(write_cross_encoder(tmp_path / "model")), timeout_s=0.05)
    reranker = CrossEncoderReranker(options, plugin_context)
    await reranker.start()
    with pytest.raises(ProviderUnavailableError, match=r"longer than 0\.05 s"):
        await reranker.rerank(QUERY, candidates_of(20_000), 5)
    await reranker.close()


async def test_cancelled_cross_encoder_stops_after_the_batch_under_way(
    plugin_context: PluginContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = CrossEncoderReranker.Options(model=str(write_cross_encoder(tmp_path / "model")), threads=2, batch_size=4)
    reranker = CrossEncoderReranker(options, plugin_context)
    await reranker.start()
    begun = asyncio.Event()
    batches = _counting(reranker, monkeypatch, asyncio.get_running_loop(), begun.set)
    task = asyncio.create_task(reranker.rerank(QUERY, candidates_of(10_000), 5))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = len(batches)
    # Its threads are free again, and nothing of the cancelled call is run before the next.
    await reranker.rerank(QUERY, candidates_of(4), 1)
    assert len(batches) <= seen + 3
    assert len(batches) < 2_000
    await reranker.close()


def _counting(
    reranker: CrossEncoderReranker,
    monkeypatch: pytest.MonkeyPatch,
    loop: asyncio.AbstractEventLoop,
    first: Callable[[], None],
) -> list[int]:
    model, batches = reranker._model, list[int]()
    judge = model.logits

    def counted(query: str, passages: Any) -> Any:
        batches.append(len(passages))
        loop.call_soon_threadsafe(first)
        return judge(query, passages)

    monkeypatch.setattr(model, "logits", counted)
    return batches


async def test_closed_cross_encoder_says_so(plugin_context: PluginContext, tmp_path: Path) -> None:
    options = CrossEncoderReranker.Options(model=str(write_cross_encoder(tmp_path / "model")))
    reranker = CrossEncoderReranker(options, plugin_context)
    await reranker.start()
    await reranker.close()
    with pytest.raises(ProviderUnavailableError, match="closed"):
        await reranker.rerank(QUERY, candidates_of(2), 1)
    assert (await reranker.health_check()).status is PluginStatus.BROKEN
