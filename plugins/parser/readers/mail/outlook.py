"""How is a mail read that Outlook saved?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import BlockKind, EmbeddedFile, EmbeddedFileKind
from plugins.parser.readers.mail.inner_mail import as_eml, file_name, inner_mail
from plugins.parser.readers.pieces import Piece, WebPage, corrupt

if TYPE_CHECKING:
    from oxmsg.storage import Storage


def read(file_path: Path, web_page: WebPage) -> Iterator[Piece]:
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


def attached(file_path: Path) -> tuple[EmbeddedFile, ...]:
    """What is attached to a msg file: files, and mails as eml files."""
    from olefile import OleFileIO
    from oxmsg.storage import Storage

    try:
        with OleFileIO(str(file_path)) as file:
            mail = Storage.from_ole(file)
        return tuple(_part(found) for found in mail.iter_attachment_storages())
    except MemoryError:
        raise
    except Exception as error:
        raise corrupt("Outlook") from error


def _part(found: Storage) -> EmbeddedFile:
    from oxmsg.attachment import Attachment
    from oxmsg.domain import constants

    attachment = Attachment(found)
    if (mail := inner_mail(found)) is not None:
        return EmbeddedFile(file_name(attachment), EmbeddedFileKind.ATTACHED, lambda: iter((as_eml(mail).as_bytes(),)))
    name = attachment.file_name or attachment.properties.str_prop_value(constants.PID_DISPLAY_NAME) or ""
    if (content := attachment.file_bytes) is None:
        return EmbeddedFile(
            name, EmbeddedFileKind.ATTACHED, problem="it is an object of another program; save it and upload it"
        )
    return EmbeddedFile(name, EmbeddedFileKind.ATTACHED, lambda: iter((content,)))


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
