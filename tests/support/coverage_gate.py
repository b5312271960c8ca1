"""Did the tests run enough of every package? ``python -m tests.support.coverage_gate --data FILE``

What each package must reach stands in ``pyproject.toml`` under ``[tool.coverage-gate]``, in percent of its lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Share:
    """What was run of a package."""

    package: str
    needed: float
    lines: int = 0
    ran: int = 0
    gaps: dict[str, list[int]] = field(default_factory=dict)
    """Lines that were not run, by file."""

    @property
    def percent(self) -> float:
        """Of its lines; a package that nobody imported has none, and that is not enough."""
        return 100 * self.ran / self.lines if self.lines else 0.0

    @property
    def enough(self) -> bool:
        return self.percent >= self.needed


def needed(pyproject: Path) -> dict[str, float]:
    """Percent of lines by package."""
    gates: dict[str, float] = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["coverage-gate"]
    return gates


def shares(data: Path, config: Path, gates: Mapping[str, float]) -> list[Share]:
    """What the counted processes ran, package by package.

    Raises:
        coverage.exceptions.NoDataError: Nothing was counted.
    """
    counted = coverage.Coverage(data_file=str(data), config_file=str(config))
    counted.load()
    found = {package: Share(package, percent) for package, percent in gates.items()}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        counted.json_report(outfile=str(report))
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    root = config.resolve().parent
    for name, file in files.items():
        path = PurePath(name)
        if path.is_relative_to(root):
            path = path.relative_to(root)
        share = found.get(path.parts[0])
        if share is None:
            continue
        share.lines += file["summary"]["num_statements"]
        share.ran += file["summary"]["covered_lines"]
        if file["missing_lines"]:
            share.gaps[str(path)] = file["missing_lines"]
    return list(found.values())


def told(share: Share) -> str:
    """A line for the table."""
    mark = "" if share.enough else "  <- too little"
    return f"{share.package:<12}{share.lines:>7}{share.ran:>7}{share.percent:>8.1f} %{share.needed:>8g} %{mark}"


def main(arguments: list[str] | None = None) -> int:
    """0 when every package has enough, or was only to be shown; 1 otherwise, with the lines that were not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="what `coverage combine` made")
    parser.add_argument("--config", type=Path, default=ROOT / "pyproject.toml")
    parser.add_argument("--only-show", action="store_true", help="judge nothing: not all tests were run")
    given = parser.parse_args(arguments)
    try:
        found = shares(given.data, given.config, needed(given.config))
    except NoDataError:
        print(f"Nothing was counted in {given.data}.", file=sys.stderr)
        return 1
    print(f"{'package':<12}{'lines':>7}{'ran':>7}{'share':>10}{'needed':>10}")
    for share in found:
        print(told(share))
    short = [] if given.only_show else [share for share in found if not share.enough]
    for share in short:
        print(f"\nNot run in {share.package}:")
        for file, lines in sorted(share.gaps.items(), key=lambda gap: -len(gap[1])):
            print(f"  {file}: {', '.join(map(str, lines))}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
