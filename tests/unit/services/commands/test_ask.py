"""Is the moment asked for the one a person means?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core.errors import ValidationError
from services.commands.ask import moment_of


@pytest.fixture(autouse=True)
def in_vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-01-10T12:00:00+05:00", datetime(2026, 1, 10, 7, tzinfo=UTC)),
        ("2026-01-10T12:00Z", datetime(2026, 1, 10, 12, tzinfo=UTC)),
        ("2026-01-10 12:00", datetime(2026, 1, 10, 11, tzinfo=UTC)),
        ("2026-07-10 12:00", datetime(2026, 7, 10, 10, tzinfo=UTC)),
        ("2026-01-10", datetime(2026, 1, 10, 22, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_a_time_is_of_this_machine_unless_it_says_otherwise_and_a_date_is_its_end(given: str, meant: datetime) -> None:
    assert moment_of(given) == meant


def test_today_means_now() -> None:
    moment = moment_of(datetime.now().astimezone().date().isoformat())
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


@pytest.mark.parametrize("given", ["yesterday", "", "2026-13-01", "0001-01-01T00:00", "31.3.2026"])
def test_what_is_no_time_is_said_with_an_example(given: str) -> None:
    with pytest.raises(ValidationError, match="2026-03-31"):
        moment_of(given)
