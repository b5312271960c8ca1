"""Which fixtures does every test of the repository share?"""

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
