"""Is somebody without a fitting Python told what to do?"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def bootstrap(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """The installer, on a machine that has nothing but what lies in ``bin``."""
    environment = {"PATH": str(tmp_path / "bin"), "VENV": str(tmp_path / "venv")}
    return subprocess.run(
        ["/bin/sh", ROOT / ".ci" / "bootstrap", "requirements.lock"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_is_too_old_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    old = tmp_path / "bin" / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.9.2; exit 0; }\nexit 1\n')
    old.chmod(0o755)
    done = bootstrap(tmp_path)
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13, and none was found" in done.stderr
    assert f"What is there: Python 3.9.2 ({old})." in done.stderr
    assert "make run PYTHON=/path/to/python3.12" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_without_any_python_the_remedy_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = bootstrap(tmp_path)
    assert done.returncode == 1
    assert "none was found" in done.stderr
    assert "What is there" not in done.stderr
