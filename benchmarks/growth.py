"""What does a page of a long document cost, beside a page of a short one?

PDF files of more and more pages, put together from pages of real ones, each read as ``benchmarks.ingestion`` has files
read: handed in, queued, read by a worker process, searchable. Printed are seconds a page, the exponent of growth (1 is
linear) and the most memory that the worker and its readers held. ``--plot`` draws it; that needs matplotlib.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pypdfium2

from benchmarks.ingestion import Memory, read_by_us, worker
from config.loader import load_settings
from services.bootstrap import open_services
from services.stack.opening import own_stack

SIZES = (50, 200, 800, 2000, 5000)
MEMORY_AIM_MB, AIM_AT = 1000, 800
"""A worker that reads so many pages holds less than this."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file; ``peak_mb`` is of the worker with its readers, in memory of their own."""

    pages: int
    seconds: float
    peak_mb: float


def put_together(sources: Sequence[Path], pages: int, target: Path) -> None:
    """A file of so many pages, taken from the sources in turn, again and again."""
    whole = pypdfium2.PdfDocument.new()
    opened = [pypdfium2.PdfDocument(source) for source in sources]
    left = pages
    for document in cycle(opened):
        # Many at once share their fonts; one by one, each page would bring its own.
        taken = min(left, len(document))
        whole.import_pages(document, list(range(taken)))
        left -= taken
        if not left:
            break
    whole.save(target)
    for document in [whole, *opened]:
        document.close()


async def measure(sources: Sequence[Path], sizes: Sequence[int]) -> list[Reading]:
    """Every size, the smallest first; a worker of its own for each, so that its peak is that file's."""
    readings = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="foundry-benchmark-")))
        await stack.enter_async_context(own_stack(folder / "data", say=lambda *_: None))
        services = await stack.enter_async_context(open_services(load_settings()))
        for size in sorted(sizes):
            file = folder / f"{size}-pages.pdf"
            await asyncio.to_thread(put_together, sources, size, file)
            warm = folder / f"warm-{size}.pdf"
            await asyncio.to_thread(put_together, sources, 3, warm)
            async with worker(folder) as process:
                memory = Memory(process)
                await read_by_us(services, [warm], memory)
                seconds, pages, unread = await read_by_us(services, [file], memory)
            if unread:
                sys.exit(f"{unread[0]} was not read.")
            readings.append(Reading(sum(pages.values()), round(seconds, 2), round(memory.peak_mb)))
            print(f"{size:>6} pages: {seconds:8.1f} s, {1000 * seconds / size:6.1f} ms a page, "
                  f"worker at most {memory.peak_mb:.0f} MB", flush=True)  # fmt: skip
    return readings


def exponent(readings: Sequence[Reading]) -> float:
    """Of the power of the pages that the seconds grow with, by least squares over logarithms."""
    pages, seconds = (np.log([getattr(one, name) for one in readings]) for name in ("pages", "seconds"))
    return round(float(np.polyfit(pages, seconds, 1)[0]), 3)


def draw(readings: Sequence[Reading], target: Path) -> None:
    """Seconds and memory over pages, as an image of the kind that the name says."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    pages = [one.pages for one in readings]
    left.plot(pages, [one.seconds for one in readings], "o-")
    left.set(xlabel="pages", ylabel="seconds until searchable", xlim=(0, None), ylim=(0, None))
    right.plot(pages, [one.peak_mb for one in readings], "o-")
    right.set(xlabel="pages", ylabel="worker at most, MB", xlim=(0, None), ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(target)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder with PDF files to take pages from")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of pages")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--plot", type=Path, help="draw them here (svg, png)")
    chosen = parser.parse_args(arguments)
    sources = sorted(chosen.files.glob("*.pdf"))
    if not sources:
        sys.exit(f"There are no PDF files in {chosen.files}.")
    os.environ |= {"FOUNDRY_IGNORE_MODEL_KEYS": "1", "FOUNDRY__ingestion__max_file_size_mb": "1000"}
    readings = asyncio.run(measure(sources, chosen.sizes))
    print(f"grows with the power {exponent(readings)} of the pages (aim 1)" if len(readings) > 1 else "")
    for reading in readings:
        if reading.pages == AIM_AT:
            print(f"{AIM_AT} pages: at most {reading.peak_mb:.0f} MB (aim: less than {MEMORY_AIM_MB})")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in readings], indent=2) + "\n", encoding="utf-8")
    if chosen.plot:
        draw(readings, chosen.plot)


if __name__ == "__main__":
    main()
