"""Are archives listed without being unpacked, and attachments of mails named?"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.errors import DocumentError
from core.security.content_type import SUFFIXES, detect
from core.types import BlockKind, EmbeddedFile, EmbeddedFileKind, ParsedDocument
from plugins.parser.archives import MAX_MEMBERS
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.unstructured import UnstructuredParser
from plugins.parser.unstructured.provider import UnstructuredOptions

REFERENCE = "plugins.parser.unstructured:UnstructuredParser"
OUTSIDE = ("../escaped.txt", "/tmp/escaped.txt", "C:\\escaped.txt")
WHEN = (2024, 5, 6, 7, 8, 0)
SECONDS = 1714979280
"""The same moment, in UTC."""


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, WHEN), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], *links: tuple[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), SECONDS
            archive.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, target, SECONDS
            archive.addfile(entry)
    return buffer.getvalue()


def packed(suffix: str, members: dict[str, bytes]) -> bytes:
    if suffix == ".zip":
        return zipped(members)
    return gzip.compress(tarred(members)) if suffix == ".tgz" else tarred(members)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def parsed(folder: Path, suffix: str, content: bytes) -> ParsedDocument:
    path = folder / f"document{suffix}"
    path.write_bytes(content)
    return await UnstructuredParser(UnstructuredOptions()).parse(path)


async def refused(folder: Path, suffix: str, content: bytes) -> str:
    """By a limited process, which checks what a file unpacks to before its parser sees it."""
    path = folder / "stored"
    path.write_bytes(content)
    pool = ParserPool(1, ParseLimits(wall_s=60))
    try:
        with pytest.raises(DocumentError) as caught:
            await pool.parse(REFERENCE, {}, path, suffix=suffix)
    finally:
        await pool.close()
    assert caught.value.next_step.endswith(".")
    return caught.value.failure_code


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
async def test_an_archive_is_a_table_of_what_it_holds(tmp_path: Path, suffix: str) -> None:
    members = {"reports/2024 Größe.txt": b"secret words", "pump.csv": b"a,b\n", **dict.fromkeys(OUTSIDE, b"x")}
    document = await parsed(tmp_path, suffix, packed(suffix, members))
    (page,) = document.pages
    said, table = (page.text[block.start : block.end] for block in page.blocks)
    assert page.blocks[1].kind is BlockKind.TABLE
    assert said == "Archive of 5 files, 19 bytes."
    assert table.splitlines() == [
        "| Name | Size in bytes | Date |",
        "|---|---|---|",
        "| reports/2024 Größe.txt | 12 | 2024-05-06 07:08 |",
        "| pump.csv | 4 | 2024-05-06 07:08 |",
        *(f"| {name} | 1 | 2024-05-06 07:08 |" for name in OUTSIDE),
    ]
    assert "secret" not in document.text
    assert [part.name for part in document.parts] == ["reports/2024 Größe.txt", "pump.csv", *OUTSIDE]
    assert names_in(tmp_path) == {f"document{suffix}"}
    assert "escaped.txt" not in names_in(tmp_path.parent)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
async def test_the_suffix_of_a_parsed_archive_comes_from_its_content(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "stored"
    path.write_bytes(packed(suffix, {"a.txt": b"a"}))
    assert SUFFIXES[detect(path, "unnamed")] == suffix
    assert UnstructuredParser(UnstructuredOptions()).supports_mime_type(detect(path, "unnamed"))


async def test_a_link_shows_where_it_leads_and_is_not_followed(tmp_path: Path) -> None:
    document = await parsed(tmp_path, ".tar", tarred({}, ("passwords", "/etc/passwd")))
    assert "| passwords -> /etc/passwd | 0 |" in document.text
    assert "root:" not in document.text


async def test_a_name_cannot_break_out_of_its_row(tmp_path: Path) -> None:
    document = await parsed(tmp_path, ".tar", tarred({"a\n| forged | 1 | |\nb": b""}))
    assert len(document.text.splitlines()) == 5
    assert "| a / forged / 1 / / b | 0 |" in document.text


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
async def test_an_archive_of_nothing_is_refused(tmp_path: Path, suffix: str) -> None:
    assert await refused(tmp_path, suffix, packed(suffix, {})) == "no_text"


async def test_a_bomb_is_stopped_in_every_kind_of_archive(tmp_path: Path) -> None:
    zeros = {"zeros": bytes(60_000_000)}
    assert await refused(tmp_path, ".zip", zipped(zeros)) == "bomb"
    assert await refused(tmp_path, ".tgz", gzip.compress(tarred(zeros))) == "bomb"
    assert await refused(tmp_path, ".tar", tarred(dict.fromkeys(map(str, range(MAX_MEMBERS + 1)), b""))) == "bomb"


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
async def test_an_archive_that_is_cut_off_is_damaged(tmp_path: Path, suffix: str) -> None:
    content = packed(suffix, {"a.txt": b"words", "b.txt": bytes(range(256)) * 40})
    assert await refused(tmp_path, suffix, content[: len(content) // 2]) == "corrupt"


async def test_a_tar_that_ends_with_a_locked_zip_is_listed_all_the_same(tmp_path: Path) -> None:
    locked = bytearray(zipped({"text": b"words"}))
    for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(head) + flags] |= 1
    path = tmp_path / "stored"
    path.write_bytes(tarred({"locked.zip": bytes(locked)}))
    assert zipfile.is_zipfile(path)
    pool = ParserPool(1, ParseLimits(wall_s=60))
    try:
        document = await pool.parse(REFERENCE, {}, path, suffix=".tar")
    finally:
        await pool.close()
    assert "locked.zip" in document.text


def mail(*attachments: tuple[str, str, str]) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = "Valves", "a@example.com"
    message.set_content("The relief valve opens at six bar.")
    for kind, name, text in attachments:
        main, _, sub = kind.partition("/")
        message.add_attachment(text.encode(), maintype=main, subtype=sub, filename=name)
    return message


def content(part: EmbeddedFile) -> bytes:
    assert part.content is not None
    return b"".join(part.content())


async def test_what_is_attached_to_a_mail_are_parts_of_it(tmp_path: Path) -> None:
    inner = mail(("text/plain", "inner.txt", "x"))
    message = mail(("application/pdf", "Prüfbericht 4.pdf", "%PDF"), ("text/csv", "prices.csv", "pump,4711"))
    message.add_attachment(inner, filename="earlier.eml")
    message.add_attachment(mail())
    document = await parsed(tmp_path, ".eml", message.as_bytes())
    assert "six bar" in document.text
    assert "4711" not in document.text
    names = [part.name for part in document.parts]
    assert names == ["Prüfbericht 4.pdf", "prices.csv", "earlier.eml", "Valves.eml"]
    assert {part.kind for part in document.parts} == {EmbeddedFileKind.ATTACHED}
    assert content(document.parts[1]) == b"pump,4711"
    assert b'filename="inner.txt"' in content(document.parts[2])


async def test_pictures_in_the_text_of_a_mail_are_no_parts(tmp_path: Path) -> None:
    message = mail()
    message.add_alternative("<p>The relief valve <img src='cid:logo'> opens.</p>", subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<logo>", filename="logo.png")
    assert (await parsed(tmp_path, ".eml", message.as_bytes())).parts == ()


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
async def test_members_of_an_archive_are_parts_of_it(tmp_path: Path, suffix: str) -> None:
    members = {"a/one.txt": b"first", "b/two.bin": bytes(300_000), "three.txt": b"third"}
    document = await parsed(tmp_path, suffix, packed(suffix, members))
    assert {part.name: content(part) for part in document.parts} == members


async def test_a_box_of_mails_has_a_page_for_each(tmp_path: Path) -> None:
    mails = [mail(("text/csv", "prices.csv", "pump,4711")), mail(), mail(("text/plain", "note.txt", "x"))]
    box = b"".join(b"From a@example.com Mon May  6 07:08:09 2024\n" + one.as_bytes() + b"\n" for one in mails)
    document = await parsed(tmp_path, ".mbox", box)
    assert [page.label for page in document.pages] == ["mail 1", "mail 2", "mail 3"]
    assert all("six bar" in page.text for page in document.pages)
    assert [part.name for part in document.parts] == ["prices.csv", "note.txt"]


async def test_a_box_without_mails_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        await parsed(tmp_path, ".mbox", b"From nowhere")
    assert caught.value.failure_code == "no_text"
