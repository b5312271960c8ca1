"""Is a question lost, or slower, while plugins are swapped?

Questions come at a fixed rate whether or not earlier ones are answered. In turns of a few seconds nothing changes, or
the plugin that answers is replaced again and again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog

from config.loader import load_settings
from core.events import CitationEvent
from core.identity import Principal
from services import setup
from services.audit import ClientInfo
from services.bootstrap import Services
from services.reload import ServiceReloader, open_reloader
from services.stack.opening import any_stack
from services.worker.container import open_worker

QUESTION = "How often does the pump P-400 need service?"
TEXT = b"# Pumps\n\nThe pump P-400 needs service every 2,000 operating hours. Its filter costs 48 EUR.\n"
TURN_S = 3.0
BETWEEN_SWAPS_S = 0.25


@dataclass
class Side:
    """What happened to the questions of one kind of turns."""

    times_ms: list[float] = field(default_factory=list)
    lost: int = 0
    swaps: int = 0

    def figures(self) -> dict[str, float]:
        p50, p95 = np.percentile(self.times_ms or [0.0], [50, 95])
        return {
            "questions": len(self.times_ms) + self.lost,
            "lost": self.lost,
            "swaps": self.swaps,
            "p50_ms": round(p50, 1),
            "p95_ms": round(p95, 1),
        }


async def _ask(live: ServiceReloader, principal: Principal, side: Side) -> None:
    started = time.perf_counter()
    try:
        run = await live().answering.ask(principal, QUESTION)
        events = [event async for event in run.events()]
    except Exception as error:  # a lost question is what is counted
        logging.getLogger(__name__).warning("lost: %s", error)
        side.lost += 1
        return
    if any(isinstance(event, CitationEvent) and "2,000" in event.citation.quote for event in events):
        side.times_ms.append((time.perf_counter() - started) * 1000)
    else:
        side.lost += 1


async def _turn(live: ServiceReloader, principal: Principal, side: Side, rate: float, *, swapping: bool) -> None:
    swapper = asyncio.create_task(_swap(live, side)) if swapping else None
    asked = []
    began = time.perf_counter()
    for number in range(int(TURN_S * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        asked.append(asyncio.create_task(_ask(live, principal, side)))
    await asyncio.gather(*asked)
    if swapper is not None:
        swapper.cancel()
        await asyncio.gather(swapper, return_exceptions=True)


async def _swap(live: ServiceReloader, side: Side) -> None:
    while True:
        count = 1 + side.swaps % 3
        entry = {"name": "extractive", "config": {"max_sentences": count}}
        await live.apply(load_settings(saved={"plugins": {"llm_providers": [entry]}}))
        side.swaps += 1
        await asyncio.sleep(BETWEEN_SWAPS_S)


async def _prepared(services: Services) -> Principal:
    """Somebody to ask, and a document that answers."""
    principal = await setup.local_principal(services)

    async def blocks() -> AsyncIterator[bytes]:
        yield TEXT

    receipt = await services.ingestion.upload(
        principal, filename="pumps.md", chunks=blocks(), client=ClientInfo("127.0.0.1", "benchmark")
    )
    async with open_worker() as worker:
        await worker.dispatcher.begin(principal.organization_id, receipt.task_id)
        await worker.dispatcher.drain()
    return principal


async def compare(folder: Path, rate: float, turns: int) -> dict[str, dict[str, float]]:
    """Turns without and with swapping, one after the other."""
    calm, swapped = Side(), Side()
    async with any_stack(folder, say=lambda *_: None) as stack, open_reloader(grace_s=1.0) as live:
        await setup.ensure_first_account(stack.settings)
        principal = await _prepared(live())
        warm = Side()
        await _turn(live, principal, warm, rate, swapping=False)
        for _ in range(turns):
            await _turn(live, principal, calm, rate, swapping=False)
            await _turn(live, principal, swapped, rate, swapping=True)
    return {"calm": calm.figures(), "swapping": swapped.figures()}


def main(arguments: Sequence[str] | None = None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    os.environ["FOUNDRY_IGNORE_MODEL_KEYS"] = "1"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swapping", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="scratch folder for the data")
    parser.add_argument("--rate", type=float, default=50.0, help="questions a second")
    parser.add_argument("--turns", type=int, default=5, help="of 3 s, of each kind")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    chosen = parser.parse_args(arguments)
    figures = asyncio.run(compare(chosen.folder, chosen.rate, chosen.turns))
    for name, side in figures.items():
        print(f"{name:10}" + "".join(f"  {key} {value:g}" for key, value in side.items()))
    ratio = figures["swapping"]["p50_ms"] / max(figures["calm"]["p50_ms"], 0.001)
    print(f"ratio of medians {ratio:.2f} (aim: none lost)")
    if chosen.json:
        chosen.json.write_text(json.dumps({**figures, "ratio": ratio}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
