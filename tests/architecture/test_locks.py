"""Do the lock files name exact packages, and nothing about the machine that made them?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def requirements(name: str) -> list[str]:
    """Each requirement with its continuation lines as one line."""
    joined = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_no_secret(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    hosts = re.findall(
        r"(?:[a-z+]+://|--(?:extra-)?index-url|--find-links|--trusted-host|\s@\s|@[\w.-]+\.\w+/)\S*", text
    )
    assert hosts == []


@pytest.mark.parametrize("name", LOCKS)
def test_each_requirement_is_exact_and_hashed(name: str) -> None:
    found = requirements(name)
    assert len(found) > 100
    loose = [line[:60] for line in found if not re.match(r"[a-z0-9._-]+(\[[\w,-]+\])?==\S+", line)]
    unhashed = [line[:60] for line in found if "--hash=sha256:" not in line]
    assert loose == []
    assert unhashed == []


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    shipped, tested = ({line.split()[0] for line in requirements(name)} for name in LOCKS)
    assert shipped - tested == set()
