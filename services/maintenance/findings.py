"""What can a round of upkeep look at, and what does it find?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class MaintenanceKind(StrEnum):
    """What is looked at.

    Attributes:
        VECTORS: Vectors without rows, which go, and rows without vectors, which get them again.
        EXPIRED: Sessions, links, keys, cached answers and reports that nobody can use any more.
        STATISTICS: How often terms occur, counted again.
        FILES: Stored files against their digests; files that nothing has.
        RETENTION: Documents older than their collection keeps them, and old versions.
    """

    VECTORS = "vectors"
    EXPIRED = "expired"
    STATISTICS = "statistics"
    FILES = "files"
    RETENTION = "retention"


@dataclass(slots=True)
class Findings:
    """What was wrong, how much of it is right now, and the same in parts."""

    found: int = 0
    repaired: int = 0
    details: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, found: int, repaired: int | None = None) -> None:
        """So many of something; all of them repaired unless said otherwise."""
        self.found += found
        self.repaired += found if repaired is None else repaired
        self.details[what] += found
