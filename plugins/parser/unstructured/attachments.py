"""What is attached to a mail, by name?

What is attached is not read; whoever relies on the mail has to know that there was more.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path

from plugins.parser.unstructured.pieces import squeezed

MAX_NAMED = 50
MAX_NAME = 200


def in_mail(file_path: Path) -> list[str]:
    """Names in an eml file; pictures that its text shows in place are left out."""
    with file_path.open("rb") as file:
        message = email.message_from_binary_file(file, EmailMessage, policy=email.policy.default)
    return [str(part.get_filename() or part.get_content_type()) for part in _attached(message)]


def warning(names: Sequence[str]) -> tuple[str, ...]:
    """The sentence that names them; none when nothing is attached."""
    if not names:
        return ()
    named = [squeezed(name[:MAX_NAME].encode("utf-8", "replace").decode()) or "(no name)" for name in names[:MAX_NAMED]]
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return (f"Attached and not read: {', '.join(named)}{more}. Save what you need of it as files and upload them.",)


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
