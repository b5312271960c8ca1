"""Is this run better than a former one, or is it chance?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from pydantic import ValidationError as Misfit

from core.errors import ValidationError
from services.evaluation.answers import FIGURES, PERCENTILES, Row, figures_of
from services.evaluation.questions import Question

RESAMPLES, SEED, AT_ONCE = 10_000, 0, 250
INTERVAL = (2.5, 97.5)
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure over the questions of both runs; ``low`` to ``high`` is the 95 % interval of ``now - former``."""

    former: float
    now: float
    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Zero lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of the same questions.

    Attributes:
        questions: How many are in both.
        changed: Those with another outcome, or a right page more or less, as they were and as they are.
    """

    questions: int
    figures: dict[str, Difference]
    changed: tuple[tuple[Row, Row], ...]


class _Run(BaseModel):
    rows: tuple[Row, ...]


def read_run(path: Path) -> tuple[Row, ...]:
    """The rows of a run that was kept with ``--json``.

    Raises:
        ValidationError: It is none.
    """
    try:
        return _Run.model_validate(json.loads(path.read_text(encoding="utf-8"))).rows
    except (OSError, ValueError) as error:
        if isinstance(error, Misfit):
            first = error.errors(include_url=False, include_input=False)[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        else:
            why = str(error)
        raise ValidationError(
            f"{path} is no former run: {why}.",
            next_step="Give what `foundry eval answers --json FILE` wrote; one of an older release may lack something.",
        ) from error


def require_former(former: Sequence[Row], asked: Sequence[Question]) -> None:
    """Whether the former run has anything to compare with; asked before the hours it may take to find out.

    Raises:
        ValidationError: It asked none of these questions.
    """
    if not {row.question for row in former} & {one.question for one in asked}:
        raise ValidationError("The former run asked none of these questions.", next_step="Give one that did.")


def compare(former: Sequence[Row], now: Sequence[Row], *, resamples: int = RESAMPLES, seed: int = SEED) -> Comparison:
    """Paired bootstrap over the questions of both runs: each resample draws the same questions from both."""
    pairs = list(_pairs(former, now))
    if not pairs:
        return Comparison(0, {}, ())
    before, after = [one for one, _ in pairs], [one for _, one in pairs]
    told_before, told_after = figures_of(before), figures_of(after)
    figures = {}
    for name, drawn in _resampled(before, after, resamples, seed).items():
        old, new = told_before[name], told_after[name]
        if old is None or new is None or np.isnan(drawn).all():
            continue
        told = np.round([new - old, *np.nanpercentile(drawn, INTERVAL)], 1 if name in PERCENTILES else 4)
        figures[name] = Difference(old, new, *map(float, told))
    changed = [(one, other) for one, other in pairs if _came(one) != _came(other)]
    return Comparison(len(pairs), figures, tuple(changed))


def _pairs(former: Sequence[Row], now: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    known = dict(_keyed(former))
    yield from ((known[key], row) for key, row in _keyed(now) if key in known)


def _keyed(rows: Sequence[Row]) -> Iterator[tuple[tuple[object, ...], Row]]:
    """What is asked twice, word for word and about the same page, is told apart by its turn."""
    turns: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        key = (row.question, row.file, row.page)
        turns[key] += 1
        yield (*key, turns[key]), row


def _came(row: Row) -> tuple[object, ...]:
    return row.outcome, row.hit, row.shown


def _resampled(before: Sequence[Row], after: Sequence[Row], resamples: int, seed: int) -> dict[str, Table]:
    """Differences of every figure in every resample; nan where a resample has nothing to count."""
    random, size = np.random.default_rng(seed), len(before)
    parts = [np.array([[figure.parts(row) for figure in FIGURES] for row in rows], float) for rows in (before, after)]
    times = [np.array([np.nan if row.ms is None else row.ms for row in rows]) for rows in (before, after)]
    drawn: list[Table] = []
    for begin in range(0, resamples, AT_ONCE):
        chosen = random.integers(0, size, (min(AT_ONCE, resamples - begin), size))
        counts = np.stack([np.bincount(one, minlength=size) for one in chosen])
        shares = [_share(np.tensordot(counts, part, axes=1)) for part in parts]
        slow = [_percentiles(one, chosen) for one in times]
        drawn.append(np.hstack([shares[1] - shares[0], slow[1] - slow[0]]))
    names = [*(figure.name for figure in FIGURES), *PERCENTILES]
    return dict(zip(names, np.vstack(drawn).T, strict=True))


def _share(sums: Table) -> Table:
    above, below = sums[..., 0], sums[..., 1]
    shares: Table = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return shares


def _percentiles(times: Table, chosen: NDArray[np.int64]) -> Table:
    """Of a run that did not take all its times, none."""
    if np.isnan(times).any():
        return np.full((len(chosen), len(PERCENTILES)), np.nan)
    found: Table = np.percentile(times[chosen], list(PERCENTILES.values()), axis=1).T
    return found
