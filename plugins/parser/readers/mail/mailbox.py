"""How is a box of mails read?

A page a mail (format mbox, RFC 4155); what is attached to any of them are parts of the whole.
"""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from pathlib import Path

from core.errors import DocumentError
from core.types import EmbeddedFile, ParsedDocument, ParsedPage
from plugins.parser.readers.mail import attachments
from plugins.parser.readers.pieces import Mail, assemble, corrupt

MAX_MAILS = 20_000


def read(file_path: Path, mail: Mail) -> ParsedDocument:
    """All mails, in the order of the file.

    Raises:
        DocumentError: There is none, or there are more than ``MAX_MAILS``.
    """
    pages: list[ParsedPage] = []
    parts: list[EmbeddedFile] = []
    for number, raw in enumerate(_mails(file_path), start=1):
        if number > MAX_MAILS:
            raise DocumentError(
                f"The box holds more than {MAX_MAILS:,} mails.",
                failure_code="too_complex",
                next_step="Split it into smaller boxes.",
            )
        pages.append(assemble(number, mail(raw), f"mail {number}"))
        parts.extend(attachments.in_mail(raw))
    if not pages:
        raise corrupt("mail")
    return ParsedDocument(tuple(pages), parts=tuple(parts))


def _mails(file_path: Path) -> Iterator[bytes]:
    box = mailbox.mbox(file_path, create=False)
    try:
        for key in box.iterkeys():
            yield box.get_bytes(key)
    finally:
        box.close()
