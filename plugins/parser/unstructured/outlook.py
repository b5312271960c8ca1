"""How is a mail read that Outlook saved?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.types import BlockKind, Part, PartKind
from plugins.parser.unstructured.elements import web_page
from plugins.parser.unstructured.pieces import Piece, corrupt


def read(file_path: Path) -> Iterator[Piece]:
    """Head and body of a msg file; for what is attached see ``attached``."""
    from oxmsg import Message

    try:
        message = Message.load(str(file_path))
        yield from _head(message)
        plain, html = message.body or "", "" if message.body else message.html_body or ""
    except MemoryError:
        raise
    except Exception as error:
        # The format is a file system of its own; the library checks little of it.
        raise corrupt("Outlook") from error
    if html:
        yield from web_page(html)
    for paragraph in plain.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        if paragraph.strip():
            yield BlockKind.TEXT, 0, paragraph.strip()


def attached(file_path: Path) -> tuple[Part, ...]:
    """What is attached to a msg file; an attached mail has a display name only, and its bytes are not one file."""
    from oxmsg import Message

    try:
        return tuple(_part(found) for found in Message.load(str(file_path)).attachments)
    except MemoryError:
        raise
    except Exception as error:
        raise corrupt("Outlook") from error


def _part(found: Any) -> Part:
    from oxmsg.domain import constants

    name = found.file_name or found.properties.str_prop_value(constants.PID_DISPLAY_NAME) or ""
    content = found.file_bytes
    if content is None:
        return Part(name, PartKind.ATTACHED, problem="it is a mail inside a mail; save it from Outlook and upload it")
    return Part(name, PartKind.ATTACHED, lambda: iter((content,)))


def _head(message: Any) -> Iterator[Piece]:
    if subject := message.subject.strip():
        yield BlockKind.HEADING, 1, subject
    recipients = (f"{person.name} <{person.email_address}>".strip() for person in message.recipients)
    sent = message.sent_date
    lines = {
        "From": message.sender or "",
        "To": ", ".join(recipients),
        "Date": sent.strftime("%Y-%m-%d %H:%M %Z").strip() if sent else "",
    }
    if head := "\n".join(f"{name}: {value}" for name, value in lines.items() if value):
        yield BlockKind.TEXT, 0, head
