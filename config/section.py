"""What do all sections of the settings share?"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


class Section(BaseModel):
    """A part of the settings: it cannot change, and a key nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


LATER: JsonDict = {"later": True}
"""Marks a field or section as ``json_schema_extra``: read and checked, obeyed by a later release (``config.later``)."""

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]
