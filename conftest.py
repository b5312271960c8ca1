"""Which fixtures does every test of the repository share?"""

from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = (
    "tests.fixtures.postgres",
    "tests.fixtures.redis",
    "tests.fixtures.application",
    "tests.fixtures.contract_lines",
    "tests.fixtures.chroma",
    "tests.fixtures.surroundings",
    "tests.fixtures.benchmarks",
    "tests.fixtures.caretaker",
)

# A busy machine must not fail a property, and a run must be repeatable; hunts with other examples are made by hand.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")

LONGEST_FIRST = ("tests/crash", "tests/e2e", "tests/integration")
"""Files are handed to processes in this order: whatever is begun last should be short, or one process ends alone."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only among several processes; by itself a run keeps the order it was asked for."""
    if not hasattr(config, "workerinput"):
        return

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((n for n, folder in enumerate(LONGEST_FIRST) if path.startswith(folder)), len(LONGEST_FIRST))

    items.sort(key=place)
