"""What must every plugin be able to do?"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from core.types import Health


@runtime_checkable
class Plugin(Protocol):
    """What all plugins share."""

    async def start(self) -> None:
        """Load models, open connections; called once before anything else."""

    async def health_check(self) -> Health:
        """Say how the plugin is, within 5 s, and never raise."""

    async def close(self) -> None:
        """Release everything; calling it twice is harmless."""
