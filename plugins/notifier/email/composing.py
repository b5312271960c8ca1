"""How does a notice become a mail in which nobody can plant headers or commands?"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid

from core.errors import ValidationError

MAX_SUBJECT = 200
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
# Not every server takes more than seven bits.
_POLICY = SMTP.clone(cte_type="7bit")


def address_of(text: str, name: str = "") -> Address:
    """The address, its domain in ASCII (RFC 5891).

    Raises:
        ValidationError: It is not exactly one plain address; local parts beyond ASCII are not supported.
    """
    local, _, domain = text.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    plain = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)
    if not plain or len(local) > 64 or len(domain) > 253:
        raise ValidationError("A recipient is no mail address.", next_step="Write it as name@example.org.")
    return Address(name, local, domain)


def one_line(text: str) -> str:
    """The text without line breaks and other signs that control something."""
    signs = (" " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in text)
    return " ".join("".join(signs).split())


def composed(sender: Address, recipient: Address, subject: str, message: str) -> EmailMessage:
    """The mail. Its id stays with it, so that a second attempt is known as the same mail."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = recipient
    title = one_line(subject)
    mail["Subject"] = title if len(title) <= MAX_SUBJECT else f"{title[: MAX_SUBJECT - 1]}…"
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = make_msgid(domain=sender.domain)
    # Out-of-office replies are not wanted (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    # Half a character pair cannot be written down, and a zero ends texts in old programs.
    text = message.replace("\x00", "").encode("utf-8", errors="replace").decode("utf-8")
    mail.set_content(text, charset="utf-8")
    return mail
