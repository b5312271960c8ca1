"""What is a file really, whatever its name says?"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from docx import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation

from core.errors import DocumentError
from core.security.content_type import DOCX, HEAD, PPTX, SUFFIXES, XLSX, detect
from tests.fixtures.compound import compound_file
from tests.fixtures.documents import pdf_pages
from tests.fixtures.office import packed


def saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]  # the three libraries share this method
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return buffer.getvalue()


def test_a_bundle_of_files_is_an_archive(tmp_path: Path) -> None:
    assert detected(tmp_path, zipped(readme=b"hello"), "a.zip") == "application/zip"
    assert detected(tmp_path, zipped(readme=b"hello"), "unnamed") == "application/zip"
    assert detected(tmp_path, zipped(), "empty.zip") == "application/zip"
    assert detected(tmp_path, zipped(plan=b"%PDF-1.7 stored as it is"), "plans.zip") == "application/zip"


def detected(folder: Path, content: bytes, filename: str) -> str:
    path = folder / "stored"
    path.write_bytes(content)
    return detect(path, filename)


def refused(folder: Path, content: bytes, filename: str) -> str:
    with pytest.raises(DocumentError) as caught:
        detected(folder, content, filename)
    assert caught.value.message.endswith(".")
    assert caught.value.next_step.endswith(".")
    return caught.value.failure_code


@pytest.mark.parametrize("filename", ["report.pdf", "report.txt", "report"])
def test_a_pdf_is_one_whatever_its_name(tmp_path: Path, filename: str) -> None:
    assert detected(tmp_path, pdf_pages([["Text"]]), filename) == "application/pdf"


def test_a_pdf_may_begin_with_a_little_rubbish(tmp_path: Path) -> None:
    assert detected(tmp_path, b"\r\n\r\n" + pdf_pages([["Text"]]), "a.pdf") == "application/pdf"


@pytest.mark.parametrize(
    ("make", "expected"),
    [(lambda: WordDocument(), DOCX), (lambda: Presentation(), PPTX), (lambda: Workbook(), XLSX)],
)
@pytest.mark.parametrize("filename", ["right", "wrong.txt", "wrong.docx"])
def test_office_files_are_told_apart_by_what_is_in_them(
    tmp_path: Path, make: object, expected: str, filename: str
) -> None:
    assert callable(make)
    assert detected(tmp_path, saved(make()), filename) == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.md", "text/markdown"), ("a.CSV", "text/csv"), ("a.tsv", "text/tab-separated-values"),
        ("a.json", "application/json"), ("a.yml", "application/yaml"), ("a.eml", "message/rfc822"),
        ("a.rst", "text/x-rst"), ("a.org", "text/org"), ("a.XML", "application/xml"),
        ("a.py", "text/x-code"), ("a.htm", "text/html"), ("a.log", "text/plain"), ("a", "text/plain"),
        ("a.unheard", "text/plain"),
    ],
)  # fmt: skip
def test_kinds_of_text_are_told_apart_by_name(tmp_path: Path, filename: str, expected: str) -> None:
    found = detected(tmp_path, b"some words, and more of them", filename)
    assert found == expected
    assert found in SUFFIXES


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"  <!DOCTYPE html><html></html>", "text/html"),
        (b"<HTML><body>x</body></HTML>", "text/html"),
        (b'{"a": [1, 2]}', "application/json"),
        (b"[1, 2]", "application/json"),
        (b"<?xml version='1.0'?><parts><part/></parts>", "application/xml"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html xmlns='x'></html>", "text/html"),
        (b"[brackets] are no JSON", "text/plain"),
        (b"{broken", "text/plain"),
    ],
)
def test_text_without_a_known_name_is_looked_at(tmp_path: Path, content: bytes, expected: str) -> None:
    assert detected(tmp_path, content, "unnamed") == expected


def test_json_longer_than_what_is_looked_at_is_json(tmp_path: Path) -> None:
    records = [{"number": number, "text": f"Ventil {number} öffnet\n", "open": [True, None]} for number in range(900)]
    for content in (json.dumps(records, indent=1), json.dumps({"records": records}, ensure_ascii=False)):
        assert len(content) > 10 * HEAD
        assert detected(tmp_path, content.encode(), "unnamed") == "application/json"
    lines = "\n".join(json.dumps(record) for record in records)
    assert detected(tmp_path, lines.encode(), "unnamed") == "text/plain"
    assert detected(tmp_path, b"[1] See the first chapter. " * 900, "unnamed") == "text/plain"


def test_a_file_of_opening_brackets_is_typed_like_any_other(tmp_path: Path) -> None:
    assert detected(tmp_path, b"[" * (HEAD - 1), "unnamed") == "text/plain"
    assert detected(tmp_path, b"[" * 100_000, "unnamed") == "application/json"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_text_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    assert detected(tmp_path, "Über die Wärmepumpe\n".encode(encoding), "a.txt") == "text/plain"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{\\rtf1 hello}", "application/rtf"),
        (compound_file({"WordDocument": b"x", "1Table": b"y"}), "application/msword"),
        (compound_file({"PowerPoint Document": b"x" * 5000}), "application/vnd.ms-powerpoint"),
        (compound_file({"Workbook": b"x"}), "application/vnd.ms-excel"),
        (compound_file({"Book": b"x"}), "application/vnd.ms-excel"),
        (compound_file({"__properties_version1.0": b"x"}), "application/vnd.ms-outlook"),
        (packed("application/epub+zip", {"a": "b"}), "application/epub+zip"),
        (packed("application/vnd.oasis.opendocument.text", {"a": "b"}), "application/vnd.oasis.opendocument.text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "image/jpeg"),
        (b"GIF89a" + bytes(50), "image/gif"),
        (b"II*\x00" + bytes(50), "image/tiff"),
        (b"MM\x00*" + bytes(50), "image/tiff"),
        (b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(50), "image/webp"),
        (b"BM\x96\x01\x00\x00" + bytes(50), "image/bmp"),
        (tarred(), "application/x-tar"),
        (tarred(tarfile.GNU_FORMAT), "application/x-tar"),
        (gzip.compress(tarred(), mtime=0), "application/gzip"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("filename", ["unnamed", "wrong.txt", "wrong.pdf"])
def test_what_begins_in_its_own_way_is_known_whatever_its_name(
    tmp_path: Path, content: bytes, expected: str, filename: str
) -> None:
    assert detected(tmp_path, content, filename) == expected
    assert expected in SUFFIXES


@pytest.mark.parametrize(
    ("content", "filename", "code"),
    [
        (b"", "a.txt", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", "corrupt"),
        (compound_file({"WordDocument": b"x" * 9000})[:1000], "a.doc", "corrupt"),
        (compound_file({"EncryptedPackage": b"x", "EncryptionInfo": b"x"}), "a.docx", "encrypted"),
        (compound_file({"Drawing": b"x"}), "a.vsd", "unsupported_type"),
        (b"\x89PNG", "a.png", "content_type_mismatch"),
        (b"BMW is a car maker.", "a.bmp", "content_type_mismatch"),
        (b"plain words", "a.jpeg", "content_type_mismatch"),
        (b"plain words", "a.rtf", "content_type_mismatch"),
        (b"plain words", "a.doc", "content_type_mismatch"),
        (b"plain words", "a.epub", "content_type_mismatch"),
        (b"MZ\x90\x00" + bytes(50), "a.txt", "unsupported_type"),
        (b"\x7fELF" + bytes(50), "a", "unsupported_type"),
        (b"\x1f\x8b\x08" + bytes(50), "a.gz", "archive"),
        (bytes(range(256)) * 4, "a.txt", "unsupported_type"),
        (b"words" + bytes(3) + b"words", "a.txt", "unsupported_type"),
        (b"plain words", "a.pdf", "content_type_mismatch"),
        (b"plain words", "a.DOCX", "content_type_mismatch"),
        (gzip.compress(b"one file, no archive" * 50, mtime=0), "a.tar.gz", "archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a.7z", "archive"),
        (zipped(readme=b"hello"), "a.docx", "content_type_mismatch"),
        (zipped(**{"[Content_Types].xml": b"<x/>", "other/part.xml": b""}), "a.docx", "unsupported_type"),
        (packed("application/vnd.oasis.opendocument.graphics", {"a": "b"}), "a.odg", "unsupported_type"),
        (zipped(**{"Index/Document.iwa": b"x"}), "a.pages", "unsupported_type"),
        (saved(WordDocument())[:2000], "a.docx", "corrupt"),
        (b"PK\x03\x04" + bytes(100), "a.xlsx", "corrupt"),
    ],
)  # fmt: skip
def test_what_nobody_reads_is_refused_with_a_reason(tmp_path: Path, content: bytes, filename: str, code: str) -> None:
    assert refused(tmp_path, content, filename) == code
