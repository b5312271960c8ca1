"""What is said about settings that hold, though not as they are written?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for whoever runs the installation.

    Attributes:
        where: File or layer the setting stands in.
        text: What holds instead, and why.
    """

    where: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.text}"
