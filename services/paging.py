"""Where does the next page of a list begin?"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

from core.errors import ValidationError

MAX_PAGE = 200


def encode(moment: datetime, row_id: UUID) -> str:
    """An opaque word for "after this row"."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{row_id}".encode()).decode()


def decode(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The row a cursor stands for.

    Raises:
        ValidationError: It is none of ours.
    """
    if cursor is None:
        return None
    try:
        moment, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        return datetime.fromisoformat(moment), UUID(row_id)
    except (ValueError, binascii.Error) as error:
        raise ValidationError("The cursor is not valid.", next_step="Start again from the first page.") from error


def valid_limit(limit: int) -> int:
    """The page size.

    Raises:
        ValidationError: Below 1 or above 200.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise ValidationError(f"limit must be between 1 and {MAX_PAGE}, not {limit}.")
    return limit
