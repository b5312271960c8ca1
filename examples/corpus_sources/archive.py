"""How do zip-based files come out the same each time? With one date in every entry, in order of name."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime

# Some writers note the moment of saving, whatever they were told.
_SAVED_AT = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
WRITTEN = datetime(2025, 11, 3, 9, 0, tzinfo=UTC)


def repeatable(content: bytes) -> bytes:
    """The archive with fixed dates."""
    written, moment = io.BytesIO(), WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(source.namelist(), key=lambda item: (item != "[Content_Types].xml", item)):
            entry = zipfile.ZipInfo(name, WRITTEN.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, _SAVED_AT.sub(rb"\g<1>" + moment, source.read(name)))
    return written.getvalue()
