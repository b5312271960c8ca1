"""What do all sections of the settings share?"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

_RATE = re.compile(r"([1-9]\d{0,8})/(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


class Section(BaseModel):
    """A part of the settings: it cannot change, and a key nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


LATER: JsonDict = {"later": True}
"""Marks a field or section as ``json_schema_extra``: read and checked, obeyed by a later release (``config.later``)."""


def parse_rate(text: str) -> tuple[int, int]:
    """``100/hour`` as (100, 3600): how many in how many seconds.

    Raises:
        ValueError: It is not written like that.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a number, a slash and second, minute, hour or day, such as 100/hour")
    return int(match[1]), _SECONDS[match[2]]


def _checked_rate(text: str) -> str:
    parse_rate(text)
    return text.strip()


Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[
    str, AfterValidator(_checked_rate), WithJsonSchema({"type": "string", "pattern": f"^{_RATE.pattern}$"})
]
"""How often something may happen, such as ``100/hour``."""
