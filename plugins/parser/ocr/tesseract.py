"""How is tesseract asked for the words of a picture, and what does it answer?

It is the program, not a library: one process a page, in the limited child that reads the document, under a time limit.
It gets nothing but PNG that we drew ourselves, so that its own readers of pictures never meet a stranger's file.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from core.types import Box

PROGRAM = "tesseract"
INSTALL = "apt-get install tesseract-ocr"
LIST_TIMEOUT_S = 4.0
UPRIGHT, TURNED = 3, 1
"""Layouts: pages as they lie, and pages that are turned first."""
UNSURE = 60.0
"""Mean confidence (0–100) below which a page may lie on its side; print that lies straight has 75 and more."""
_WORD_LEVEL = "5"


@dataclass(frozen=True, slots=True)
class Seen:
    """A word in a picture; ``paragraph`` and ``line`` are equal for words that belong together."""

    text: str
    box: Box
    paragraph: tuple[int, int]
    line: int


class RecognitionError(Exception):
    """Tesseract gave up over a picture; ``slow`` when it was given up."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__("slow" if slow else "failed")
        self.slow = slow


async def problem(languages: Sequence[str]) -> str:
    """Why words of these languages cannot be recognised, and how that is changed; empty when they can."""
    if shutil.which(PROGRAM) is None:
        return f"Tesseract is not installed; on Debian: {INSTALL}."
    try:
        listed = await _answer(["--list-langs"], b"", LIST_TIMEOUT_S)
    except RecognitionError:
        return f"Tesseract is installed but does not work; try: {PROGRAM} --list-langs."
    missing = sorted(set(languages) - set(listed.decode("utf-8", "replace").split()))
    if missing:
        packages = " ".join(f"tesseract-ocr-{name.replace('_', '-').lower()}" for name in missing)
        return f"Tesseract has no data for {', '.join(missing)}; on Debian: apt-get install {packages}."
    return ""


async def words(
    png: bytes, *, languages: Sequence[str], layout: int, min_confidence: float, timeout_s: float
) -> list[Seen]:
    """What stands in the picture, in reading order; a page that may lie on its side is read a second time, turned.

    Args:
        layout: Tesseract's page segmentation mode.
        min_confidence: Words it is less sure of (0–100) are left out: they are stains and drawings.

    Raises:
        RecognitionError: It crashed, or took longer.
    """
    seen, mean = await _asked(png, languages, layout, min_confidence, timeout_s)
    if layout == UPRIGHT and 0 < mean < UNSURE:
        with suppress(RecognitionError):
            turned, surer = await _asked(png, languages, TURNED, min_confidence, timeout_s)
            if surer > mean:
                return turned
    return seen


async def _asked(
    png: bytes, languages: Sequence[str], layout: int, min_confidence: float, timeout_s: float
) -> tuple[list[Seen], float]:
    """Words, and the mean confidence of all that were found, also of those that are left out."""
    options = ["stdin", "stdout", "-l", "+".join(languages), "--psm", str(layout), "tsv"]
    answer = await _answer(options, png, timeout_s)
    return _read(answer.decode("utf-8", "replace"), min_confidence)


async def _answer(options: Sequence[str], given: bytes, timeout_s: float) -> bytes:
    kept = {
        key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TMPDIR", "TESSDATA_PREFIX") if key in os.environ
    }
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # Its threads fight for the cores that other pages use.
        env={**kept, "OMP_THREAD_LIMIT": "1"},
    )
    try:
        async with asyncio.timeout(timeout_s):
            answer, _ = await process.communicate(given)
    except TimeoutError:
        raise RecognitionError(slow=True) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RecognitionError(slow=False)
    return answer


def _read(table: str, min_confidence: float) -> tuple[list[Seen], float]:
    """Tesseract's TSV: one line for the page (level 1, with its size), and one for each word (level 5)."""
    rows = list(csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows:
        raise RecognitionError(slow=False)
    width, height = (max(int(rows[0][side]), 1) for side in ("width", "height"))
    seen, confidences = [], []
    for row in rows:
        text = (row["text"] or "").strip()
        if row["level"] != _WORD_LEVEL or not text:
            continue
        confidences.append(float(row["conf"]))
        if confidences[-1] < min_confidence:
            continue
        left, top = int(row["left"]), int(row["top"])
        right, bottom = left + int(row["width"]), top + int(row["height"])
        box = Box(left / width, top / height, min(right / width, 1.0), min(bottom / height, 1.0))
        seen.append(Seen(text, box, (int(row["block_num"]), int(row["par_num"])), int(row["line_num"])))
    return seen, sum(confidences) / max(len(confidences), 1)
