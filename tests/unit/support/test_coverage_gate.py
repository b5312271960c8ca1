"""Is a package of which too little was run named with the lines, and nothing else?"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import coverage_gate


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
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
    # This test may be counted itself.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    subprocess.run([*command, "main.py"], cwd=tmp_path, check=True, env=environment)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(coverage_gate, "ROOT", tmp_path)
    return ["--data", data, "--config", str(config)]


def test_what_is_missing_is_named(counted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage_gate.main(counted) == 1
    said = capsys.readouterr().out
    assert "half" in said.split("<- too little")[0].splitlines()[-1]
    assert "Not run in half:\n  half/__init__.py: 3, 4\n" in said
    assert "Not run in whole" not in said


def test_where_not_all_tests_were_run_nothing_is_judged(counted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage_gate.main([*counted, "--only-show"]) == 0
    assert "50.0 %" in capsys.readouterr().out


def test_every_package_of_the_product_is_judged() -> None:
    root = Path(__file__).resolve().parents[3]
    shipped = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    packages = {pattern.removesuffix("*") for pattern in shipped["find"]["include"]}
    assert set(coverage_gate.needed(root / "pyproject.toml")) == packages
