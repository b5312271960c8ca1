"""What may a plugin class name that runs in its place?

A class may have a class method ``stand_in(options) -> StandIn | None``, asked before it is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StandIn:
    """What is built instead.

    Attributes:
        plugin: Its reference; may be the same with other options.
        reason: What cannot hold here, what runs instead, and how to get what was wanted.
    """

    plugin: str
    reason: str
    config: Mapping[str, Any] = field(default_factory=dict)
