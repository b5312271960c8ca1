"""Does the page on metrics tell all of them, and nothing else?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from core.telemetry import Metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
_ROW = re.compile(r"\| `(?P<name>\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]+) \| (?P<where>\w+) \| (?P<says>[^|]+\.) \|")
_KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}


class Row(NamedTuple):
    """A metric as the page or the code has it."""

    kind: str
    labels: frozenset[str]


def told() -> dict[str, tuple[Row, str]]:
    """Each metric of the page, and in which processes it says that it moves."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    found = {}
    for line in rows:
        match = _ROW.fullmatch(line)
        assert match, f"no row of a metric: {line}"
        found[match["name"]] = Row(match["kind"], frozenset(re.findall(r"`(\w+)`", match["labels"]))), match["where"]
    assert len(found) == len(rows), "a metric is told twice"
    return found


def exposed_name(metric: MetricWrapperBase) -> str:
    """The name that people query."""
    return f"{metric._name}_total" if isinstance(metric, Counter) else metric._name


def test_every_metric_is_told_with_its_type_and_labels() -> None:
    own = Metrics()
    metrics = [value for value in vars(own).values() if isinstance(value, MetricWrapperBase)]
    assert len(metrics) == len(list(own.registry.collect())), "a metric is in the registry and no attribute"
    known = {exposed_name(metric): Row(_KINDS[type(metric)], frozenset(metric._labelnames)) for metric in metrics}
    assert {name: row for name, (row, _) in told().items()} == known
    assert {where for _, where in told().values()} <= {"chat", "worker", "both"}
