"""Is a package of which too little was run named with the lines, and nothing else?"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import coverage_gate

ROOT = Path(__file__).resolve().parents[3]


def uncounted() -> dict[str, str]:
    """The environment of a process that is not counted, as this one may be."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}


@pytest.fixture
def counted(tmp_path: Path) -> list[str]:
    """A program of two packages that was run under coverage; arguments for the gate."""
    for package, body in (
        ("whole", "one = 1\ntwo = 2\n"),
        ("half", "one = 1\nif one > 1:\n    two = 2\n    three = 3\n"),
    ):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(body, encoding="utf-8")
    config = tmp_path / "pyproject.toml"
    config.write_text(
        '[tool.coverage.run]\nsource_pkgs = ["whole", "half"]\n[tool.coverage-gate]\nwhole = 100\nhalf = 75\n',
        encoding="utf-8",
    )
    data = str(tmp_path / "data")
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={config}", f"--data-file={data}"]
    (tmp_path / "main.py").write_text("import whole, half\n", encoding="utf-8")
    subprocess.run([*command, "main.py"], cwd=tmp_path, check=True, env=uncounted())
    return ["--data", data, "--config", str(config)]


def judged(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The gate as `make` runs it. Not in this process: reading counts there would end the counting of this one."""
    environment = {**uncounted(), "PYTHONPATH": os.pathsep.join([str(cwd), str(ROOT)])}
    command = [sys.executable, "-m", "tests.support.coverage_gate", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_what_is_missing_is_named(counted: list[str], tmp_path: Path) -> None:
    outcome = judged(*counted, cwd=tmp_path)
    assert outcome.returncode == 1, outcome.stderr
    said = outcome.stdout
    assert "half" in said.split("<- too little")[0].splitlines()[-1]
    assert "Not run in half:\n  half/__init__.py: 3, 4\n" in said
    assert "Not run in whole" not in said


def test_where_not_all_tests_were_run_nothing_is_judged(counted: list[str], tmp_path: Path) -> None:
    outcome = judged(*counted, "--only-show", cwd=tmp_path)
    assert (outcome.returncode, "50.0 %" in outcome.stdout) == (0, True), outcome.stderr


def test_every_package_of_the_product_is_judged() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    packages = {pattern.removesuffix("*") for pattern in shipped["find"]["include"]}
    assert set(coverage_gate.needed(ROOT / "pyproject.toml")) == packages
