"""What must a unit test not do?"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.no_servers import refuse_fixtures, watching_programs


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any of its fixtures is set up."""
    refuse_fixtures(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Also while its fixtures are set up and taken down."""
    with watching_programs():
        return (yield)
