"""What does a run look like to who reads it? As lines in the terminal, as JSON and as one page of HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from string import Template

from core.events import Outcome
from services.evaluation.answers import FIGURES, PERCENTILES, Row, figures_of
from services.evaluation.calibration import Calibration, calibration_of
from services.evaluation.comparison import Comparison, Difference

PAGE = Path(__file__).with_name("report.html")
MEANINGS = {figure.name: figure.meaning for figure in FIGURES} | {
    "p50_ms": "milliseconds within which half of the answers were complete",
    "p95_ms": "milliseconds within which 95 of 100 answers were complete",
}
LOWER_IS_BETTER = {figure.name for figure in FIGURES if figure.lower_is_better} | set(PERCENTILES)


@dataclass(frozen=True)
class Report:
    """A run, and how it stands to a former one."""

    rows: Sequence[Row]
    comparison: Comparison | None = None

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """By name; see ``MEANINGS``."""
        return figures_of(self.rows)

    @cached_property
    def calibration(self) -> Calibration | None:
        """None where no answer rests on a probability."""
        return calibration_of(self.rows)

    def lines(self) -> Iterator[str]:
        """What the terminal shows."""
        versus = self.comparison.figures if self.comparison else {}
        if versus:
            yield f"{'':22}{'now':>8}{'former':>10}{'change':>10}   95 % interval"
        for name, value in self.figures.items():
            if value is not None:
                yield f"{name:22}{value:>8}{_versus(versus.get(name))}"
        if self.calibration:
            yield f"calibration over {self.calibration.questions} questions:"
            for one in self.calibration.bins:
                sure = f"  sure {one.least:.1f}–{one.below:.1f}, in the mean {one.mean_probability:.2f}"
                yield f"{sure}: {one.questions} questions, {one.share_right:.2f} right"
        if self.comparison:
            yield f"of {self.comparison.questions} questions of both runs, {len(self.comparison.changed)} changed"

    def json(self) -> str:
        """Figures, calibration, comparison, and a row for each question."""
        kept: dict[str, object] = {**self.figures}
        if self.calibration:
            kept["calibration"] = asdict(self.calibration)
        if self.comparison:
            kept["comparison"] = _compared(self.comparison)
        kept["rows"] = [row.model_dump(mode="json") for row in self.rows]
        return json.dumps(kept, ensure_ascii=False, indent=2) + "\n"

    def html(self) -> str:
        """One page that needs nothing else, not even a network."""
        changed = self.comparison.changed if self.comparison else ()
        told = {now for _, now in changed}
        others = [row for row in self.rows if row.went_wrong and row not in told]
        return Template(PAGE.read_text(encoding="utf-8")).substitute(
            asked=f"{len(self.rows)} questions, {sum(row.answerable for row in self.rows)} of them answerable",
            figures="".join(_figure(name, value, self._difference(name)) for name, value in self.figures.items()),
            calibration=_calibration(self.calibration),
            questions="".join(_question(*pair) for pair in [*changed, *((None, row) for row in others)]),
            wrong=sum(row.went_wrong for row in self.rows),
            changed=len(changed),
            both=self.comparison.questions if self.comparison else 0,
            compared="" if self.comparison else "hidden",
        )

    def _difference(self, name: str) -> Difference | None:
        return self.comparison.figures.get(name) if self.comparison else None


def _compared(comparison: Comparison) -> dict[str, object]:
    changed = [
        {name: row.model_dump(mode="json", include={"outcome", "hit", "shown", "answered"}) for name, row in pair}
        | {"question": now.question}
        for before, now in comparison.changed
        for pair in [(("former", before), ("now", now))]
    ]
    figures = {name: asdict(difference) for name, difference in comparison.figures.items()}
    return {"questions": comparison.questions, "figures": figures, "changed": changed}


def _versus(difference: Difference | None) -> str:
    if difference is None:
        return ""
    interval = f"{difference.low:+g} to {difference.high:+g}"
    return f"{difference.former:>10}{difference.difference:>+10g}   {interval}{' *' if difference.is_clear else ''}"


# -- pieces of the page


def _figure(name: str, value: float | None, difference: Difference | None) -> str:
    if value is None:
        return ""
    is_share = name not in PERCENTILES
    bar = _bar(value) if is_share else ""
    shown = f"{value:.2f}" if is_share else f"{value:,.0f} ms"
    better = "lower is better" if name in LOWER_IS_BETTER else "higher is better"
    return (
        f'<tr><th scope="row">{name}<small>{escape(MEANINGS[name])}; {better}</small></th>'
        f'<td class="number">{shown}</td><td class="bar">{bar}</td>{_change(name, difference)}</tr>\n'
    )


def _change(name: str, difference: Difference | None) -> str:
    if difference is None:
        return '<td class="change"></td>'
    gained = difference.difference < 0 if name in LOWER_IS_BETTER else difference.difference > 0
    mood = ("better" if gained else "worse") if difference.is_clear else "unclear"
    digits = ".0f" if name in PERCENTILES else ".2f"
    was, change, low, high = (
        f"{value:{sign}{digits}}"
        for value, sign in (
            (difference.former, ""), (difference.difference, "+"), (difference.low, "+"), (difference.high, "+"),
        )
    )  # fmt: skip
    return f'<td class="change {mood}">{change} <small>was {was}; 95 %: {low} to {high}; {mood}</small></td>'


def _bar(share: float) -> str:
    return f'<span aria-hidden="true"><span style="width: {share:.0%}"></span></span>'


def _calibration(calibration: Calibration | None) -> str:
    if calibration is None:
        return "<p>A language model answered: it does not say how sure it is.</p>"
    rows = "".join(
        f'<tr><th scope="row">{one.least:.1f}–{one.below:.1f}</th><td class="number">{one.questions}</td>'
        f'<td class="number">{one.mean_probability:.2f}</td><td class="number">{one.share_right:.2f}</td>'
        f'<td class="bar">{_bar(one.share_right)}</td></tr>\n'
        for one in calibration.bins
    )
    left_out = f", {calibration.without} without a probability left out" if calibration.without else ""
    return (
        f"<p>Brier score {calibration.brier:.3f} over {calibration.questions} questions{left_out}.</p>"
        '<table id="sure"><thead><tr><th>sure</th><th>questions</th><th>mean</th><th>right</th><td></td></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _question(before: Row | None, now: Row) -> str:
    """One that went wrong, or that came out otherwise than in a former run."""
    marks = [f'<span class="mark wrong">{_state(now)}</span>'] if now.went_wrong else []
    if before:
        marks.append(f'<span class="mark">changed: {_state(before)} → {_state(now)}</span>')
    kinds = ("wrong " if now.went_wrong else "") + ("changed" if before else "")
    said = _said("Then", before) + _said("Now", now) if before else _said("Said", now)
    return (
        f'<details data-kind="{kinds.strip()}"><summary><b>{escape(now.question)}</b> {" ".join(marks)}</summary>'
        f"{_expected(now)}{said}</details>\n"
    )


def _state(row: Row) -> str:
    if row.outcome is Outcome.ANSWERED:
        return "hit" if row.hit else "answered from another page" if row.answerable else "stated wrongly"
    return f"{row.outcome.value}, right page shown" if row.shown else row.outcome.value


def _expected(row: Row) -> str:
    if not row.answerable:
        return "<h4>Expected</h4><p>No answer: the documents do not say.</p>"
    answer = f"<p>{escape(row.answer)}</p>" if row.answer else ""
    places = "; ".join(_place(place.file, place.page) for place in row.places)
    return f'<h4>Expected</h4>{answer}<p class="place">{places}</p>'


def _said(when: str, row: Row) -> str:
    sources = "".join(
        f'<li><span class="place">{_place(one.file, one.page)}</span> {escape(one.quote)}</li>' for one in row.cited
    )
    sure = "" if row.confidence is None else f", sure {row.confidence:.2f}"
    took = "" if row.ms is None else f", {row.ms:,.0f} ms"
    return (
        f"<h4>{when} <small>{row.outcome.value}{sure}{took}</small></h4>"
        f'<p class="said">{escape(row.answered)}</p>' + (f"<ul>{sources}</ul>" if sources else "")
    )


def _place(file: str, page: int | None) -> str:
    return escape(file) if page is None else f"{escape(file)}, page {page}"
