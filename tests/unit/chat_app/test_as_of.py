"""Does a day picked in the conversation become the moment at which it ends?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chat_app.ui.as_of import moment
from core.errors import ValidationError

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("picked", "expected"),
    [
        ("2026-10-15T00:00:00.000Z", datetime(2026, 10, 16, tzinfo=UTC)),
        ("2026-10-14T22:00:00.000Z", datetime(2026, 10, 15, 22, tzinfo=UTC)),
        ("2026-10-15", datetime(2026, 10, 16, tzinfo=UTC)),
        ("2026-11-29T00:00:00.000Z", None),
        ("", None),
        (None, None),
        (["2026-10-15", "2026-10-16"], None),
    ],
)
def test_a_day_is_its_end_where_the_reader_is(picked: object, expected: datetime | None) -> None:
    assert moment(picked, NOW) == expected


def test_what_is_no_day_is_refused_with_the_next_step() -> None:
    with pytest.raises(ValidationError, match="is none") as caught:
        moment("yesterday", NOW)
    assert caught.value.next_step
