"""How well are orders in documents told from other texts, and with which weights?

Trains the linear model of ``core.text.order_model`` on half of a set of attacks and harmless texts, chosen by the hash
of their ids, and holds all that ``core.text.orders`` does against the other half. Innocent texts in many languages
keep it from taking a language for an attack; without them the figures are far better, and worth nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.text import order_model, orders
from core.text.order_model import SIZE, OrderModel

ROUNDS, STEPS, RATE, SHRINK = 2, 150, 0.05, 0.02
OF_AN_ATTACK, OF_A_HARMLESS_ONE, OF_AN_INNOCENT_ONE = 8.0, 3.0, 0.2
"""What a passage of each counts."""
ALLOWED = 0.03
"""Share of harmless texts the model may flag; signs flag some more."""
Floats = npt.NDArray[np.float64]
Row = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A text as rows of features, one for each passage, and whether signs flag it."""

    rows: list[Row]
    signed: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of features one after the other."""

    places: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    values: Floats
    count: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Matrix:
        lengths = [len(places) for places, _ in rows]
        return cls(
            np.concatenate([places for places, _ in rows]).astype(np.int64),
            np.repeat(np.arange(len(rows)), lengths),
            np.concatenate([values for _, values in rows]).astype(float),
            len(rows),
        )


def judged(text: str) -> Judged:
    """What both judges see of a text."""
    pieces = list(orders.pieces(text))
    rows = [order_model.features(*orders.joined(pieces[first:last])) for first, last in orders.passages(pieces)]
    return Judged(rows, any(orders.has_signs(piece, text[piece.start : piece.end]) for piece in pieces))


def train(attacks: Sequence[Judged], harmless: Sequence[Judged], innocent: Sequence[Judged]) -> OrderModel:
    """A model in which an attack counts by the passage that sounds most like one."""
    others = [row for text in harmless for row in text.rows]
    texts = [row for text in innocent for row in text.rows]
    taken = [[text.rows[0], text.rows[-1]] for text in attacks if text.rows]
    model = OrderModel(np.zeros(SIZE, np.float32), 0.0)
    for _ in range(ROUNDS):
        mine = [row for rows in taken for row in rows]
        expected = np.r_[np.ones(len(mine)), np.zeros(len(others) + len(texts))]
        weights = np.r_[
            np.full(len(mine), OF_AN_ATTACK),
            np.full(len(others), OF_A_HARMLESS_ONE),
            np.full(len(texts), OF_AN_INNOCENT_ONE),
        ]
        model = _fitted(model, Matrix.of([*mine, *others, *texts]), expected, weights)
        taken = [[max(text.rows, key=lambda row: _score(model, row))] for text in attacks if text.rows]
    return model


def _fitted(model: OrderModel, matrix: Matrix, expected: Floats, weights: Floats) -> OrderModel:
    """Logistic regression, by Adam over all rows at once."""
    values = np.r_[model.weights.astype(float), model.bias]
    mean, spread = np.zeros_like(values), np.zeros_like(values)
    total = weights.sum()
    for step in range(1, STEPS + 1):
        z = np.bincount(matrix.rows, values[matrix.places] * matrix.values, matrix.count) + values[-1]
        error = (1 / (1 + np.exp(-z)) - expected) * weights
        gradient = np.bincount(matrix.places, error[matrix.rows] * matrix.values, SIZE + 1) / total
        gradient[:-1] += SHRINK * values[:-1] / total
        gradient[-1] = error.sum() / total
        mean, spread = 0.9 * mean + 0.1 * gradient, 0.999 * spread + 0.001 * gradient**2
        values -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.999**step)) + 1e-8)
    return OrderModel(values[:-1].astype(np.float32), float(values[-1]))


def _score(model: OrderModel, row: Row) -> float:
    return float(model.weights[row[0]] @ row[1]) + model.bias


def scores(model: OrderModel, texts: Sequence[Judged]) -> Floats:
    """The greatest of each text."""
    return np.array([max((_score(model, row) for row in text.rows), default=-math.inf) for text in texts])


def threshold(attacks: Sequence[Judged], harmless: Sequence[Judged], innocent: Sequence[Judged]) -> float:
    """Score that so few harmless texts exceed, told by four models of which each leaves out a quarter."""
    left_out = [
        scores(train(_without(attacks, part), _without(harmless, part), innocent), harmless[part::4])
        for part in range(4)
    ]
    return float(np.quantile(np.concatenate(left_out), 1 - ALLOWED))


def _without(texts: Sequence[Judged], part: int) -> list[Judged]:
    return [text for number, text in enumerate(texts) if number % 4 != part]


def figures(model: OrderModel, attacks: Sequence[Judged], harmless: Sequence[Judged]) -> dict[str, float]:
    """Shares that are flagged by either judge."""
    return {
        "attacks": len(attacks),
        "attacks_flagged": _flagged(model, attacks),
        "benign": len(harmless),
        "benign_flagged": _flagged(model, harmless),
        "attacks_flagged_by_signs": round(float(np.mean([text.signed for text in attacks])), 4),
        "benign_flagged_by_signs": round(float(np.mean([text.signed for text in harmless])), 4),
    }


def _flagged(model: OrderModel, texts: Sequence[Judged]) -> float:
    by_signs = np.array([text.signed for text in texts])
    return round(float(np.mean(by_signs | (scores(model, texts) > 0))), 4)


def _read(path: Path, chosen: Callable[[str], bool]) -> list[Judged]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [judged(line["text"]) for line in lines if chosen(line.get("_id", ""))]


def is_for_training(key: str) -> bool:
    """Every other one, the same each time."""
    return zlib.crc32(key.encode()) % 2 == 0


def is_for_measuring(key: str) -> bool:
    """The others."""
    return not is_for_training(key)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orders", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with attacks.jsonl and benign.jsonl")
    parser.add_argument("--innocent", type=Path, nargs="*", default=[], help="JSON lines {text} without any order")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--write", type=Path, help="write the weights here")
    chosen = parser.parse_args(arguments)
    innocent = [text for path in chosen.innocent for text in _read(path, lambda _: True)]
    attacks, harmless = chosen.data / "attacks.jsonl", chosen.data / "benign.jsonl"
    mine = _read(attacks, is_for_training), _read(harmless, is_for_training)
    model = train(*mine, innocent)
    model = OrderModel(model.weights, model.bias - threshold(*mine, innocent))
    found = figures(model, _read(attacks, is_for_measuring), _read(harmless, is_for_measuring))
    for name, value in found.items():
        print(f"{name:28}{value:>8}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if chosen.write:
        np.savez_compressed(chosen.write, **order_model.pack(model))  # type: ignore[arg-type]  # arrays by name


if __name__ == "__main__":
    main()
