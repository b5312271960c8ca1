"""What is a file really, whatever its name says?"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path, PurePath

import olefile

from core.errors import DocumentError
from core.security.json_start import begins_json

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOC = "application/msword"
PPT = "application/vnd.ms-powerpoint"
XLS = "application/vnd.ms-excel"
MSG = "application/vnd.ms-outlook"
EPUB = "application/epub+zip"
ODT = "application/vnd.oasis.opendocument.text"
ODP = "application/vnd.oasis.opendocument.presentation"
ODS = "application/vnd.oasis.opendocument.spreadsheet"

SUFFIXES = {
    "application/pdf": ".pdf",
    DOCX: ".docx",
    PPTX: ".pptx",
    XLSX: ".xlsx",
    DOC: ".doc",
    PPT: ".ppt",
    XLS: ".xls",
    MSG: ".msg",
    EPUB: ".epub",
    ODT: ".odt",
    ODP: ".odp",
    ODS: ".ods",
    "application/rtf": ".rtf",
    "application/xml": ".xml",
    "text/org": ".org",
    "text/x-rst": ".rst",
    "text/html": ".html",
    "message/rfc822": ".eml",
    "application/mbox": ".mbox",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/yaml": ".yaml",
    "text/x-code": ".code",
    "text/plain": ".txt",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/tiff": ".tiff",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "application/zip": ".zip",
    "application/x-tar": ".tar",
    "application/gzip": ".tgz",
}
"""Types that are read, with the suffix parsers know them by."""

_CODE = (
    ".py", ".js", ".ts", ".java", ".c", ".h", ".cpp", ".go", ".rs", ".rb", ".php", ".sh", ".sql", ".css", ".r",
    ".kt", ".swift",
)  # fmt: skip
_BY_NAME = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
    ".json": "application/json", ".jsonl": "text/plain", ".yaml": "application/yaml", ".yml": "application/yaml",
    ".html": "text/html", ".htm": "text/html", ".eml": "message/rfc822", ".txt": "text/plain", ".log": "text/plain",
    ".rst": "text/x-rst", ".org": "text/org", ".xml": "application/xml",
    ".tex": "text/plain", ".ini": "text/plain", ".toml": "text/plain",
    **dict.fromkeys(_CODE, "text/x-code"),
}  # fmt: skip
_OFFICE_PARTS = {"word/": DOCX, "ppt/": PPTX, "xl/": XLSX}
_BY_MIMETYPE_MEMBER = {kind.encode(): kind for kind in (EPUB, ODT, ODP, ODS)}
"""What a first member called "mimetype" says (EPUB OCF 3.3, 4.3; OpenDocument 1.3 part 2, 3.3)."""
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAMS = {
    "WordDocument": DOC,
    "PowerPoint Document": PPT,
    "Workbook": XLS,
    "Book": XLS,
    "__properties_version1.0": MSG,
}
_BY_MAGIC = (
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_GZIP = b"\x1f\x8b"
_MBOX = b"From "
"""How each mail of a box begins (RFC 4155)."""
_TAR_PLACE = slice(257, 263)
_TAR_MARKS = (b"ustar\x00", b"ustar ")
"""What a tar archive says there (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar ends it with a blank)."""
_FOREIGN_PARTS = (".iwa",)
"""Endings of parts that make a zip archive the document of a program, not a bundle of files."""
_BINARY = (
    (b"MZ", "a program", "unsupported_type"),
    (b"\x7fELF", "a program", "unsupported_type"),
    (_GZIP, "a compressed file", "archive"),
    (b"Rar!", "a compressed archive", "archive"),
    (b"7z\xbc\xaf", "a compressed archive", "archive"),
)
FAILURE_CODES = frozenset(code for _, _, code in _BINARY)
"""Codes that go with a kind of file; the others stand where they are raised."""
HEAD = 4096
ACCEPTED = (
    "PDF, Word, PowerPoint, Excel, OpenDocument, RTF, EPUB, HTML, XML, e-mail (eml, msg, mbox), pictures of text, "
    "Markdown, CSV and plain text are read; zip, tar and tar.gz archives are listed."
)
_NEVER_TEXT = frozenset(
    SUFFIXES[kind]
    for kind in SUFFIXES
    if kind == "application/pdf"
    or kind.startswith(("image/", "application/vnd.", "application/ms", "application/epub"))
) | {".jpeg", ".tif", ".rtf"}


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
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _zip_type(path, suffix)
    if head.startswith(_COMPOUND):
        return _compound_type(path)
    # Anything may stand before it, and an archive may begin with a PDF that is not compressed.
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if found := _by_magic(head) or _tar_type(head):
        return found
    for magic, name, code in _BINARY:
        if head.startswith(magic):
            raise DocumentError(f"The file is {name}.", failure_code=code, next_step=ACCEPTED)
    if not _is_text(head):
        raise DocumentError("The type of this file is not known.", failure_code="unsupported_type", next_step=ACCEPTED)
    if suffix in _NEVER_TEXT:
        raise _content_type_mismatch(suffix)
    return _text_type(head, suffix)


def _zip_type(path: Path, suffix: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            said = b""
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    said = member.read(100).strip()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise _damaged("it is cut off or cannot be unpacked") from error
    if said in _BY_MIMETYPE_MEMBER:
        return _BY_MIMETYPE_MEMBER[said]
    if "[Content_Types].xml" in names:
        for part, mime_type in _OFFICE_PARTS.items():
            if any(name.startswith(part) for name in names):
                return mime_type
    if said or "[Content_Types].xml" in names or any(name.endswith(_FOREIGN_PARTS) for name in names):
        raise DocumentError(
            "The file belongs to a program whose files nobody here reads.",
            failure_code="unsupported_type",
            next_step=ACCEPTED,
        )
    if suffix in _NEVER_TEXT:
        raise _content_type_mismatch(suffix)
    return "application/zip"


def _tar_type(head: bytes) -> str | None:
    if head[_TAR_PLACE] in _TAR_MARKS:
        return "application/x-tar"
    if head.startswith(_GZIP):
        try:
            # 31: with the head of gzip. No more comes out than the first block of an archive has.
            first = zlib.decompressobj(31).decompress(head, 512)
        except zlib.error:
            return None
        if first[_TAR_PLACE] in _TAR_MARKS:
            return "application/gzip"
    return None


def _compound_type(path: Path) -> str:
    """Old Office files and Outlook's mails are small file systems ([MS-CFB]); their parts have telling names."""
    try:
        with olefile.OleFileIO(path) as files:
            names = {str(entry[0]) for entry in files.listdir()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise _damaged("it is cut off or its parts cannot be found") from error
    if "EncryptedPackage" in names:
        raise DocumentError(
            "The file is protected by a password.",
            failure_code="encrypted",
            next_step="Save a copy without the password and upload that.",
        )
    for name, mime_type in _STREAMS.items():
        if name in names:
            return mime_type
    raise DocumentError("The type of this file is not known.", failure_code="unsupported_type", next_step=ACCEPTED)


def _by_magic(head: bytes) -> str | None:
    for magic, mime_type in _BY_MAGIC:
        if head.startswith(magic):
            return mime_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    # The size in the header tells a bitmap from a text that begins with BM.
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    return None


def _content_type_mismatch(suffix: str) -> DocumentError:
    return DocumentError(
        f"The file is named {suffix} but is not one.",
        failure_code="content_type_mismatch",
        next_step="Give it the name of what it is, or export it again.",
    )


def _damaged(how: str) -> DocumentError:
    return DocumentError(
        f"The file is damaged: {how}.",
        failure_code="corrupt",
        next_step="Open it in its program, save it again, and upload that.",
    )


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
    if suffix == SUFFIXES["application/mbox"] and head.startswith(_MBOX):
        return "application/mbox"
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    start = head.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith(b"<?xml"):
        return "text/html" if b"<html" in head.lower() else "application/xml"
    return "application/json" if begins_json(head, cut=len(head) == HEAD) else "text/plain"
