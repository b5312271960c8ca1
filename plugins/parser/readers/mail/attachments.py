"""What is attached to a mail?"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from functools import partial

from core.types import EmbeddedFile, EmbeddedFileKind
from plugins.parser.readers.pieces import squeezed

MAX_SUBJECT = 100
"""Characters of a subject that name an attached mail."""


def in_mail(raw: bytes) -> tuple[EmbeddedFile, ...]:
    """Files and whole mails in an eml file; pictures that its text shows in place are left out."""
    message = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    return tuple(
        EmbeddedFile(_name(part), EmbeddedFileKind.ATTACHED, partial(_content, part)) for part in _attached(message)
    )


def _attached(message: EmailMessage) -> Iterator[EmailMessage]:
    """Parts that are files or whole mails; what is attached to an attached mail belongs to that."""
    waiting = [(message, False)]
    while waiting:
        part, is_related = waiting.pop()
        if part is not message and part.get_content_type() == "message/rfc822":
            yield part
        elif part.is_multipart():
            related = part.get_content_type() == "multipart/related"
            waiting.extend((inner, related) for inner in reversed(list(part.iter_parts())))
        elif not (is_related and part["Content-ID"]) and (part.is_attachment() or part.get_filename()):
            # What stands beside a text and has an id is shown in it, such as the logo of a signature (RFC 2387, 2392).
            yield part


def _name(part: EmailMessage) -> str:
    if name := part.get_filename():
        return str(name)
    if (inner := _inner(part)) is not None:
        return f"{squeezed(str(inner.get('subject', '')))[:MAX_SUBJECT] or 'mail'}.eml"
    return part.get_content_type()


def _inner(part: EmailMessage) -> EmailMessage | None:
    """The mail that a part is."""
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    return inner if isinstance(inner, EmailMessage) else None


def _content(part: EmailMessage) -> Iterator[bytes]:
    if (inner := _inner(part)) is not None:
        yield inner.as_bytes()
    elif isinstance(payload := part.get_payload(decode=True), bytes):
        yield payload
