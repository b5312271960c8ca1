"""How does a mail that lies in an Outlook file become a file of its own?

Outlook keeps it as a folder of properties inside the file ([MS-OXMSG] 2.2.2), not as bytes that could be copied out. It
is written as an eml file, which has the same text and attachments and is read like every other. The same mail gives the
same bytes: boundaries between its parts are counted, and none occurs in a part, for texts and files are in base64.
"""

from __future__ import annotations

import re
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, getaddresses
from typing import TYPE_CHECKING

from plugins.parser.readers.mail.attachments import MAX_SUBJECT
from plugins.parser.readers.pieces import squeezed

if TYPE_CHECKING:
    from oxmsg import Message
    from oxmsg.attachment import Attachment
    from oxmsg.storage import Storage

OBJECT = "__substg1.0_3701000D"
"""Where an attachment holds an object instead of bytes."""
PROPERTIES = "__properties_version1.0"
INNER_HEAD_BYTES, OUTER_HEAD_BYTES = 24, 32
"""Of the list of properties of a mail inside another one, and of the outermost."""
COPY = 2
"""The type of a recipient who got a copy."""
_ADDRESS = re.compile(r"[!-~]+@[!-~]+")


def inner_mail(attachment: Storage) -> Storage | None:
    """The mail that an attachment is, as if it were the outermost; None for files and for objects of other programs."""
    for storage in attachment.storages:
        if storage.name == OBJECT and any(stream.name == PROPERTIES for stream in storage.streams):
            streams = (
                replace(stream, bytes_=_with_longer_head(stream.bytes_)) if stream.name == PROPERTIES else stream
                for stream in storage.streams
            )
            return replace(storage, streams=tuple(streams))
    return None


def _with_longer_head(properties: bytes) -> bytes:
    """The library knows no other."""
    gap = bytes(OUTER_HEAD_BYTES - INNER_HEAD_BYTES)
    return properties[:INNER_HEAD_BYTES] + gap + properties[INNER_HEAD_BYTES:]


def file_name(attachment: Attachment) -> str:
    """By what Outlook shows, which is the subject."""
    from oxmsg.domain import constants

    shown = attachment.properties.str_prop_value(constants.PID_DISPLAY_NAME) or ""
    return f"{squeezed(shown)[:MAX_SUBJECT] or 'mail'}.eml"


def as_eml(mail: Storage, depth: int = 0) -> EmailMessage:
    """Head, text and what is attached, mails in turn; objects of other programs are left out.

    Raises:
        Exception: Of any kind, where the mail is damaged.
    """
    from oxmsg import Message
    from oxmsg.attachment import Attachment

    message = Message(mail)
    written = EmailMessage(policy.default)
    for name, value in _head(message).items():
        if value:
            written[name] = value
    html = "" if message.body else message.html_body
    written.set_content(html or message.body or "", subtype="html" if html else "plain", cte="base64")
    for storage in mail.iter_attachment_storages():
        if not written.is_multipart():
            written.make_mixed(boundary=f"=_mail_{depth:04}")
        attachment = Attachment(storage)
        if (inner := inner_mail(storage)) is not None:
            written.add_attachment(as_eml(inner, depth + 1), filename=file_name(attachment))
        elif (content := attachment.file_bytes) is not None:
            name = squeezed(attachment.file_name or "") or "file"
            written.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return written


def _head(message: Message) -> dict[str, str]:
    sent = message.sent_date
    return {
        "Subject": squeezed(message.subject),
        "From": ", ".join(_person(*person) for person in getaddresses([message.sender or ""])),
        "To": _people(message, copies=False),
        "Cc": _people(message, copies=True),
        "Date": format_datetime(sent) if sent else "",
    }


def _people(message: Message, *, copies: bool) -> str:
    from oxmsg.domain import constants

    return ", ".join(
        _person(person.name, person.email_address)
        for person in message.recipients
        if (person.properties.int_prop_value(constants.PID_RECIPIENT_TYPE) == COPY) == copies
    )


def _person(name: str, address: str) -> str:
    """As a head can say it: an address inside an Exchange server is none elsewhere."""
    return formataddr((squeezed(name), address if _ADDRESS.fullmatch(address) else ""))
