"""From which day's documents is answered? A date in the conversation's settings; without one, from those of now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import chainlit as cl
from chainlit.input_widget import DatePicker, InputWidget

from core.errors import ValidationError

SETTING = "as_of"
DAY = timedelta(days=1)


async def offer() -> None:
    """Let the reader choose a day."""
    day: InputWidget = DatePicker(
        id=SETTING,
        label="Answer as of",
        placeholder="Today",
        max_date=datetime.now(UTC).date().isoformat(),
        description="Answers come from the versions of the documents that answered at the end of that day.",
    )
    await cl.ChatSettings([day]).send()


def chosen() -> datetime | None:
    """The moment the reader chose; None for now."""
    return moment((cl.user_session.get("chat_settings") or {}).get(SETTING), datetime.now(UTC))


def moment(picked: object, now: datetime) -> datetime | None:
    """The end of the picked day, given as the instant it begins where the reader is; None for today, or no day.

    Raises:
        ValidationError: It is no day.
    """
    if not isinstance(picked, str) or not picked:
        return None
    try:
        begins = datetime.fromisoformat(picked)
    except ValueError:
        raise ValidationError("The day to answer as of is none.", next_step="Choose it again.") from None
    ends = (begins if begins.tzinfo else begins.replace(tzinfo=UTC)) + DAY
    return ends if ends < now else None
