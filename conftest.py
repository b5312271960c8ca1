"""Which fixtures does every test of the repository share?"""

pytest_plugins = ("tests.fixtures.postgres", "tests.fixtures.redis", "tests.fixtures.application")
