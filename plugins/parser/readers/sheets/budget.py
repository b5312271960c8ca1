"""How many cells may be read?"""

from __future__ import annotations

from core.errors import DocumentError


class Budget:
    """Cells that may still be read."""

    def __init__(self, cells: int) -> None:
        self._most = self._left = cells

    def spend(self, cells: int) -> None:
        """Raises: DocumentError: There are more than may be."""
        self._left -= cells
        if self._left < 0:
            raise DocumentError(
                f"The workbook has more than {self._most:,} cells.",
                failure_code="too_complex",
                next_step="Split it, or upload only the sheets that matter.",
            )
