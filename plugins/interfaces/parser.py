"""What must a parser be able to do?"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from core.types import ParsedDocument
from plugins.interfaces.plugin import Plugin


class DocumentParser(Plugin, Protocol):
    """Reads files of some types. Runs in a limited child process without network."""

    async def parse(self, file_path: Path) -> ParsedDocument:
        """Read the file.

        Raises:
            DocumentError: It cannot be read; says why and what to do. A file with bytes but without text is an error
                (``no_text``), never an empty result.
        """

    def supports_mime_type(self, mime_type: str) -> bool:
        """Sync. Whether this parser reads the type."""
