"""May this archive be unpacked?

Office files are zip archives. What counts is what really comes out, not what the directory claims: members are inflated
and counted before any parser sees the file.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from core.errors import DocumentError

MAX_MEMBERS = 20_000
MAX_BYTES = 1_000_000_000
MAX_RATIO = 200
FREE_BYTES = 20_000_000
"""Below this the ratio does not matter: small files of zeros are harmless."""
BLOCK = 1 << 18
STREAMED = frozenset({".tar", ".tgz"})
"""Not zip, even when the last file in one is; who reads them counts for himself."""


class Budget:
    """What a packed file of that size may unpack to."""

    def __init__(self, packed_bytes: int) -> None:
        self._packed = packed_bytes
        self._spent = 0

    def spend(self, size_bytes: int) -> None:
        """Count what came out.

        Raises:
            DocumentError: It is far more than an ordinary document holds.
        """
        self._spent += size_bytes
        if self._spent > MAX_BYTES or (self._spent > FREE_BYTES and self._spent > MAX_RATIO * self._packed):
            raise bomb(f"more than {self._spent // 1_000_000:,} MB of content in {self._packed:,} bytes")


def check(path: Path) -> None:
    """Pass a harmless archive, or a file that is none.

    Raises:
        DocumentError: It would unpack to far more than it is, is encrypted, or is damaged.
    """
    if path.suffix in STREAMED or not zipfile.is_zipfile(path):
        return
    budget = Budget(path.stat().st_size)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise bomb(f"{len(members):,} parts")
            for member in members:
                if member.flag_bits & 1:
                    raise DocumentError(
                        "The file is protected by a password.",
                        failure_code="encrypted",
                        next_step="Save a copy without the password and upload that.",
                    )
                with archive.open(member) as stream:
                    while block := stream.read(BLOCK):
                        budget.spend(len(block))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise DocumentError(
            "The file is damaged: parts of it cannot be unpacked.",
            failure_code="corrupt",
            next_step="Open it in its program, save it again, and upload that.",
        ) from error


def bomb(what: str) -> DocumentError:
    """What is said of a file that holds far more than it seems."""
    return DocumentError(
        f"The file unpacks to {what}; that is not an ordinary document.",
        failure_code="bomb",
        next_step="Check where it comes from. If it is genuine, save it again without embedded media.",
    )
