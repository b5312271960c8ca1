"""Does a file that is built to do harm end in text or a clean refusal?"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from openpyxl import Workbook

from core.errors import DocumentError
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.unstructured.tests.office_files import (
    MAIL,
    saved,
    slides,
    word,
    workbook,
)

REFERENCE = "plugins.parser.unstructured:UnstructuredParser"


def _with_part(content: bytes, name: str, replacement: bytes) -> bytes:
    source, buffer = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in source.namelist():
            archive.writestr(member, replacement if member == name else source.read(member))
    return buffer.getvalue()


def _deep(tag: str, depth: int) -> bytes:
    return b"<?xml version='1.0'?>" + f"<{tag}>".encode() * depth + f"</{tag}>".encode() * depth


def _entities() -> bytes:
    lines = ['<!ENTITY a0 "ha">'] + [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<?xml version='1.0'?><!DOCTYPE d [{''.join(lines)}]><d>&a9;</d>".encode()


def _outside(path: str) -> bytes:
    return f"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY x SYSTEM 'file://{path}'>]><d>&x;</d>".encode()


def _far_cell() -> bytes:
    """A workbook whose two values stand in the first and the last of 17 billion cells."""
    made = Workbook()
    made.active["A1"], made.active["XFD1048576"] = "first", "last"
    return saved(made)


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cut off": (".docx", lambda: word()[:-200]),
    "bomb": (".docx", lambda: _with_part(word(), "word/document.xml", bytes(300_000_000))),
    "deep docx": (".docx", lambda: _with_part(word(), "word/document.xml", _deep("w", 100_000))),
    "deep xlsx": (".xlsx", lambda: _with_part(workbook(), "xl/worksheets/sheet1.xml", _deep("row", 100_000))),
    "far cell": (".xlsx", _far_cell),
    "deep pptx": (".pptx", lambda: _with_part(slides(), "ppt/slides/slide1.xml", _deep("p", 100_000))),
    "entities": (".docx", lambda: _with_part(word(), "word/document.xml", _entities())),
    "reads a file": (".docx", lambda: _with_part(word(), "word/document.xml", _outside("/etc/passwd"))),
    "no part": (".docx", lambda: _with_part(word(), "[Content_Types].xml", b"")),
    "slides named word": (".docx", slides),
    "sheets named slides": (".pptx", workbook),
    "word named sheets": (".xlsx", word),
    "text named word": (".docx", lambda: b"just words"),
    "deep page": (".html", lambda: b"<html><body>" + b"<div>" * 50_000 + b"words" + b"</div>" * 50_000),
    "rubbish in a mail": (".eml", lambda: b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + bytes(range(256))),
}  # fmt: skip


async def test_a_hostile_file_ends_in_text_or_a_clean_refusal_and_the_next_is_read(tmp_path: Path) -> None:
    outcomes: dict[str, str] = {}
    pool = ParserPool(1, ParseLimits(memory_mb=2048, cpu_s=60, wall_s=120))
    try:
        for name, (suffix, make) in HOSTILE.items():
            path = tmp_path / name.replace(" ", "-")
            path.write_bytes(make())
            try:
                document = await pool.parse(REFERENCE, {}, path, suffix=suffix)
            except DocumentError as error:
                outcomes[name] = error.failure_code
            else:
                outcomes[name] = "read"
                assert "root:" not in document.text
        path = tmp_path / "good"
        path.write_bytes(MAIL.encode())
        assert "Boiler outage" in (await pool.parse(REFERENCE, {}, path, suffix=".eml")).text
    finally:
        await pool.close()
    assert outcomes["bomb"] == "bomb"
    assert outcomes["far cell"] == "too_complex"
    readable = {"rubbish in a mail", "deep pptx", "deep xlsx", "deep page"}
    assert {name for name, outcome in outcomes.items() if outcome == "read"} <= readable
