"""What is a file really, whatever its name says?"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePath

from core.errors import DocumentError
from core.security.json_start import begins_json

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

SUFFIXES = {
    "application/pdf": ".pdf",
    DOCX: ".docx",
    PPTX: ".pptx",
    XLSX: ".xlsx",
    "text/html": ".html",
    "message/rfc822": ".eml",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/yaml": ".yaml",
    "text/x-code": ".code",
    "text/plain": ".txt",
}
"""Types that are read, with the suffix parsers know them by."""

_CODE = (
    ".py", ".js", ".ts", ".java", ".c", ".h", ".cpp", ".go", ".rs", ".rb", ".php", ".sh", ".sql", ".css", ".xml", ".r",
    ".kt", ".swift",
)  # fmt: skip
_BY_NAME = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
    ".json": "application/json", ".jsonl": "text/plain", ".yaml": "application/yaml", ".yml": "application/yaml",
    ".html": "text/html", ".htm": "text/html", ".eml": "message/rfc822", ".txt": "text/plain", ".log": "text/plain",
    ".rst": "text/plain", ".org": "text/plain", ".tex": "text/plain", ".ini": "text/plain", ".toml": "text/plain",
    **dict.fromkeys(_CODE, "text/x-code"),
}  # fmt: skip
_OFFICE_PARTS = {"word/": DOCX, "ppt/": PPTX, "xl/": XLSX}
_BINARY = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, or one protected by a password", "encrypted_or_old"),
    (b"\x89PNG", "a picture", "picture"),
    (b"\xff\xd8\xff", "a picture", "picture"),
    (b"GIF8", "a picture", "picture"),
    (b"MZ", "a program", "unsupported_type"),
    (b"\x7fELF", "a program", "unsupported_type"),
    (b"\x1f\x8b", "a compressed archive", "archive"),
    (b"Rar!", "a compressed archive", "archive"),
    (b"7z\xbc\xaf", "a compressed archive", "archive"),
    (b"{\\rtf", "a rich text file", "unsupported_type"),
)
FAILURE_CODES = frozenset(code for _, _, code in _BINARY)
"""Codes that go with a kind of file; the others stand where they are raised."""
HEAD = 4096
ACCEPTED = "PDF, Word, PowerPoint, Excel, HTML, e-mail (eml), Markdown, CSV and plain text are read."


def detect(path: Path, filename: str) -> str:
    """MIME type by content; the name only tells kinds of text apart.

    Raises:
        DocumentError: Empty, of a type nobody reads, or not what its name says.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise DocumentError("The file is empty.", failure_code="empty", next_step="Upload a file with content.")
    suffix = PurePath(filename).suffix.lower()
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _zip_type(path)
    for magic, name, code in _BINARY:
        if head.startswith(magic):
            raise DocumentError(f"The file is {name}.", failure_code=code, next_step=ACCEPTED)
    if not _is_text(head):
        raise DocumentError("The type of this file is not known.", failure_code="unsupported_type", next_step=ACCEPTED)
    if suffix in (".pdf", ".docx", ".pptx", ".xlsx"):
        raise DocumentError(
            f"The file is named {suffix} but is not one.",
            failure_code="mislabelled",
            next_step="Give it the name of what it is, or export it again.",
        )
    return _text_type(head, suffix)


def _zip_type(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DocumentError(
            "The file is damaged: it is cut off or cannot be unpacked.",
            failure_code="corrupt",
            next_step="Open it in its program, save it again, and upload that.",
        ) from error
    if "[Content_Types].xml" in names:
        for part, mime_type in _OFFICE_PARTS.items():
            if any(name.startswith(part) for name in names):
                return mime_type
    raise DocumentError("The file is a compressed archive.", failure_code="archive", next_step="Unpack it first.")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    zeros = head.count(0)
    if zeros:
        # UTF-16 of Latin text has a zero in every other byte and nowhere else.
        return max(head[::2].count(0), head[1::2].count(0)) == zeros and zeros > 0.3 * len(head)
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return control <= 0.02 * len(head)


def _text_type(head: bytes, suffix: str) -> str:
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    start = head.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "application/json" if begins_json(head, cut=len(head) == HEAD) else "text/plain"
