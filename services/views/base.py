"""What do all views have in common?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Base of everything a service hands out."""

    model_config = ConfigDict(frozen=True, extra="forbid")
