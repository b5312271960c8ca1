"""How are moments written in SAML? As xs:dateTime in UTC (saml-core-2.0-os, section 1.3.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?")


def instant(text: str) -> datetime | None:
    """The moment, to the second; None for anything that is none."""
    match = _INSTANT.fullmatch(text)
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def written(moment: datetime) -> str:
    """The moment as SAML writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
