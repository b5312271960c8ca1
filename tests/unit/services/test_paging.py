"""Does a list go on where it ended?"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ValidationError
from services import paging


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_leads_back_to_its_row(moment: datetime, row_id: UUID) -> None:
    assert paging.decode(paging.encode(moment, row_id)) == (moment, row_id)


def test_no_cursor_is_the_first_page() -> None:
    assert paging.decode(None) is None


@pytest.mark.parametrize(
    "cursor",
    ["", "rubbish", "ä", base64.urlsafe_b64encode(b"a|b").decode(), base64.urlsafe_b64encode(b"2026-01-01").decode()],
)
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationError, match="cursor is not valid"):
        paging.decode(cursor)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    with pytest.raises(ValidationError):
        paging.decode(text)


@pytest.mark.parametrize("limit", [1, 50, paging.MAX_PAGE])
def test_a_page_may_be_so_long(limit: int) -> None:
    assert paging.valid_limit(limit) == limit


@pytest.mark.parametrize("limit", [0, -1, paging.MAX_PAGE + 1])
def test_a_page_of_another_size_is_refused(limit: int) -> None:
    with pytest.raises(ValidationError, match=str(limit)):
        paging.valid_limit(limit)
