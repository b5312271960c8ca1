"""What must a unit test not do?"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.no_servers import refuse_fixtures, watching_programs

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any of its fixtures is set up."""
    refuse_fixtures(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Also while its fixtures are set up and taken down. This hook hears of the tests of other folders, too."""
    with watching_programs() if HERE in item.path.parents else nullcontext():
        return (yield)
