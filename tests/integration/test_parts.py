"""What becomes of files inside a file: attachments of mails, members of archives?"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from config.loader import load_settings
from core.errors import DocumentError, NotFoundError
from core.states import DocumentStatus
from db.models import Document, DocumentVersion, Task
from plugins.parser.parts import SIGN_BYTES
from services.bootstrap import open_services
from services.uploads.attachments import MAX_DEPTH, full_name
from services.views.documents import DocumentView
from services.worker.container import Worker, open_worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.fixtures.compound import Attached, mail_streams, outlook_mail
from tests.fixtures.pictures import drawn, picture

SIX = "The relief valve of the Zwiebelturm opens at six bar.\n"
SEVEN = SIX.replace("six", "seven")


def mail(*attachments: tuple[str, bytes], subject: str = "Inspection") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = subject, "a@example.com"
    message.set_content("The inspection of the Zwiebelturm is on Monday.")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Desk:
    """A department and a worker that reads everything that waits."""

    department: Department
    worker: Worker

    async def hand_in(self, filename: str, content: bytes) -> DocumentView:
        receipt = await self.department.read(self.worker, filename, content)
        await self.read_all()
        return await self.department.services.documents.get(self.department.principal, receipt.document_id)

    async def read_all(self) -> None:
        organization = self.department.principal.organization_id
        while True:
            async with self.department.services.database.transaction(organization) as session:
                waiting = list(await session.scalars(select(Task.id).where(Task.status == "queued")))
            if not waiting:
                return
            for task in waiting:
                await self.worker.dispatcher.begin(organization, task)
            await self.worker.dispatcher.drain()

    async def names(self) -> dict[str, DocumentStatus]:
        page = await self.department.services.documents.list_page(self.department.principal, limit=100)
        return {document.filename: document.status for document in page.items}

    async def found(self, question: str) -> set[str]:
        """Names of the documents whose hits say six or seven bar."""
        hits = await self.department.services.search.search(self.department.principal, question)
        return {hit.filename for hit in hits if " bar." in hit.text}

    async def files(self) -> int:
        return await self.department.services.blobs.count(self.department.principal.organization_id)


@pytest.fixture
async def desk(department: Department, worker: Worker) -> Desk:
    return Desk(department, worker)


@pytest.fixture
async def unpacking(department: Department, environment: dict[str, str]) -> AsyncIterator[Desk]:
    """Where an administrator allowed it."""
    loaded = load_settings(environ=environment | {"FOUNDRY__ingestion__unpack_archives": "true"})
    async with open_worker(loaded) as worker:
        yield Desk(department, worker)


async def test_a_mail_inside_a_mail_of_outlook_and_what_it_holds_are_documents(desk: Desk) -> None:
    inner = mail_streams("Yesterday", "See the table.", attached=[Attached(name="note.txt", content=SIX.encode())])
    outer = outlook_mail("Inspection", "See below.", attached=[Attached(name="Yesterday", content=inner)])
    await desk.hand_in("inspection.msg", outer)
    assert await desk.names() == {
        "inspection.msg": DocumentStatus.READY,
        "inspection.msg › Yesterday.eml": DocumentStatus.READY,
        "inspection.msg › Yesterday.eml › note.txt": DocumentStatus.READY,
    }
    assert await desk.found("When does the relief valve open?") == {"inspection.msg › Yesterday.eml › note.txt"}


async def test_what_is_attached_to_a_mail_is_a_document_that_says_where_it_lay(desk: Desk) -> None:
    document = await desk.hand_in("inspection.eml", mail(("valves.txt", SIX.encode())).as_bytes())
    assert document.warning is None
    assert await desk.names() == {
        "inspection.eml": DocumentStatus.READY,
        "inspection.eml › valves.txt": DocumentStatus.READY,
    }
    assert await desk.found("When does the relief valve open?") == {"inspection.eml › valves.txt"}
    page = await desk.department.services.documents.list_page(desk.department.principal)
    (child,) = (one for one in page.items if one.id != document.id)
    assert child.parent_id == document.id
    assert child.collection_id == document.collection_id


async def test_what_lay_in_a_file_is_counted_and_what_failed_is_named_first(desk: Desk) -> None:
    inner = mail(("deep.txt", SEVEN.encode()), subject="Inside")
    outer = mail(("a.txt", SIX.encode()), ("z.pdf", b"%PDF-1.4 nonsense"))
    outer.add_attachment(inner)
    document = await desk.hand_in("inspection.eml", outer.as_bytes())
    services, me = desk.department.services, desk.department.principal
    parts = await services.documents.parts(me, document.id)
    assert (parts.total, parts.ready, parts.failed, parts.waiting) == (4, 3, 1, 0)
    assert parts.items[0].filename == "inspection.eml › z.pdf"
    assert parts.items[0].error_message
    assert {part.status for part in parts.items[1:]} == {DocumentStatus.READY}
    leaf = await services.documents.parts(me, parts.items[0].id)
    assert (leaf.total, leaf.items) == (0, ())
    stranger = await make_department(services, "beta")
    with pytest.raises(NotFoundError):
        await services.documents.parts(stranger.principal, document.id)


async def test_a_mail_in_a_mail_is_read_with_what_is_attached_to_it_but_not_for_ever(desk: Desk) -> None:
    inner = mail(("valves.txt", SIX.encode()), subject="Depth 0")
    for depth in range(1, MAX_DEPTH + 2):
        outer = mail(subject=f"Depth {depth}")
        outer.add_attachment(inner)
        inner = outer
    await desk.hand_in("thread.eml", inner.as_bytes())
    names = await desk.names()
    assert len(names) == 1 + MAX_DEPTH
    deepest = max(names, key=len)
    page = await desk.department.services.documents.list_page(desk.department.principal)
    (warned,) = (one for one in page.items if one.filename == deepest)
    assert warned.warning is not None
    assert "files deep" in warned.warning


async def test_the_next_version_of_a_mail_replaces_what_changed_and_removes_what_is_gone(desk: Desk) -> None:
    first = mail(("valves.txt", SIX.encode()), ("gone.txt", SIX.encode()), ("same.txt", b"Nothing new."))
    await desk.hand_in("inspection.eml", first.as_bytes())
    second = mail(("valves.txt", SEVEN.encode()), ("same.txt", b"Nothing new."))
    await desk.hand_in("inspection.eml", second.as_bytes())
    assert set(await desk.names()) == {
        "inspection.eml",
        "inspection.eml › valves.txt",
        "inspection.eml › same.txt",
    }
    hits = await desk.department.services.search.search(desk.department.principal, "relief valve of the Zwiebelturm")
    assert any("seven bar" in hit.text for hit in hits)
    assert not any("six bar" in hit.text for hit in hits)
    later = select(DocumentVersion.filename, DocumentVersion.number).where(DocumentVersion.number > 1)
    async with desk.department.services.database.transaction(desk.department.principal.organization_id) as session:
        numbers = {row.filename: row.number for row in await session.execute(later)}
    assert numbers == {"inspection.eml": 2, "inspection.eml › valves.txt": 2}


async def test_reading_a_mail_again_makes_nothing_twice(desk: Desk) -> None:
    document = await desk.hand_in("inspection.eml", mail(("valves.txt", SIX.encode())).as_bytes())
    services, principal = desk.department.services, desk.department.principal
    receipt = await services.ingestion.reindex(principal, document.id, client=CLIENT)
    await desk.worker.dispatcher.begin(principal.organization_id, receipt.task_id)
    await desk.worker.dispatcher.drain()
    await desk.read_all()
    assert len(await desk.names()) == 2
    async with services.database.transaction(principal.organization_id) as session:
        assert len(list(await session.scalars(select(Task.id)))) == 3
        assert len(list(await session.scalars(select(DocumentVersion.id)))) == 2


async def test_deleting_a_mail_deletes_what_was_attached_to_it(desk: Desk) -> None:
    inner = mail(("valves.txt", SIX.encode()), subject="Earlier")
    outer = mail(("prices.csv", b"pump,4711\n"))
    outer.add_attachment(inner)
    document = await desk.hand_in("inspection.eml", outer.as_bytes())
    await desk.hand_in("other.txt", b"The other document stays.")
    assert len(await desk.names()) == 5
    services, principal = desk.department.services, desk.department.principal
    receipt = await services.documents.delete(principal, document.id, client=CLIENT)
    assert receipt.completed_at is not None
    assert receipt.removed["documents"] == 4
    assert not receipt.left
    assert set(await desk.names()) == {"other.txt"}
    assert await desk.files() == 1


async def test_what_cannot_be_read_is_named_with_the_reason(desk: Desk) -> None:
    program, empty = b"MZ\x90" + bytes(100), b""
    attachments = (("setup.exe", program), ("empty.txt", empty), ("../../etc/valves.txt", SIX.encode()))
    document = await desk.hand_in("inspection.eml", mail(*attachments).as_bytes())
    assert document.warning is not None
    assert "setup.exe (The file is a program)" in document.warning
    assert "empty.txt (The file is empty)" in document.warning
    assert set(await desk.names()) == {"inspection.eml", "inspection.eml › etc › valves.txt"}
    assert await desk.files() == 2


async def test_two_attachments_of_one_name_are_two_documents(desk: Desk) -> None:
    message = mail(("valves.txt", SIX.encode()), ("valves.txt", SEVEN.encode()))
    await desk.hand_in("inspection.eml", message.as_bytes())
    assert set(await desk.names()) == {
        "inspection.eml",
        "inspection.eml › valves.txt",
        "inspection.eml › valves (2).txt",
    }


async def test_signs_in_a_signature_are_no_documents(desk: Desk) -> None:
    sign = picture(drawn(["Logo"]).resize((120, 160)))
    assert len(sign) < SIGN_BYTES
    await desk.hand_in("inspection.eml", mail(("logo.png", sign)).as_bytes())
    assert set(await desk.names()) == {"inspection.eml"}
    assert await desk.files() == 1


@pytest.mark.sees("ingestion.read_attachments")
async def test_attachments_can_be_left_alone(department: Department, environment: dict[str, str]) -> None:
    loaded = load_settings(environ=environment | {"FOUNDRY__ingestion__read_attachments": "false"})
    async with open_worker(loaded) as worker:
        desk = Desk(department, worker)
        document = await desk.hand_in("inspection.eml", mail(("valves.txt", SIX.encode())).as_bytes())
        assert document.warning is not None
        assert document.warning.startswith("Attached and not read: valves.txt.")
        assert set(await desk.names()) == {"inspection.eml"}


async def test_a_quota_is_kept_and_named(services_department: Desk) -> None:
    desk = services_department
    message = mail(*((f"{number}.txt", f"Number {number}.".encode()) for number in range(4)))
    document = await desk.hand_in("inspection.eml", message.as_bytes())
    assert len(await desk.names()) == 3
    assert document.warning is not None
    assert "may hold 3 documents" in document.warning


@pytest.fixture
async def services_department(department: Department, worker: Worker) -> Desk:
    return Desk(await make_department(department.services, "beta", max_documents=3), worker)


async def test_an_archive_is_listed_unless_unpacking_is_allowed(desk: Desk) -> None:
    document = await desk.hand_in("handover.zip", zipped(**{"contracts/Zwiebelturm.txt": SIX.encode()}))
    assert document.warning is not None
    assert "ingestion.unpack_archives" in document.warning
    assert set(await desk.names()) == {"handover.zip"}
    hits = await desk.department.services.search.search(desk.department.principal, "Zwiebelturm contracts")
    assert any("contracts/Zwiebelturm.txt" in hit.text for hit in hits)
    assert not await desk.found("When does the relief valve open?")


@pytest.mark.sees("ingestion.unpack_archives")
@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
async def test_an_unpacked_archive_makes_documents_of_its_files(unpacking: Desk, suffix: str) -> None:
    members = {"contracts/valves.txt": SIX.encode(), "../../escaped.txt": b"Escaped nowhere.", "a/setup.exe": b"MZ\x90"}
    content = zipped(**members) if suffix == "zip" else tarred(members)
    document = await unpacking.hand_in(f"handover.{suffix}", content)
    name = f"handover.{suffix}"
    assert set(await unpacking.names()) == {name, f"{name} › contracts › valves.txt", f"{name} › escaped.txt"}
    assert await unpacking.found("When does the relief valve open?") == {f"{name} › contracts › valves.txt"}
    assert document.warning is not None
    assert "a/setup.exe (The file is a program)" in document.warning


async def test_an_archive_attached_to_a_mail_is_unpacked_where_that_is_allowed(unpacking: Desk) -> None:
    message = mail(("handover.zip", zipped(**{"valves.txt": SIX.encode()})))
    await unpacking.hand_in("inspection.eml", message.as_bytes())
    assert await unpacking.found("When does the relief valve open?") == {"inspection.eml › handover.zip › valves.txt"}


async def test_a_document_deleted_amid_reading_leaves_no_attachment(desk: Desk) -> None:
    department = desk.department
    receipt = await department.upload("inspection.eml", mail(("valves.txt", SIX.encode())).as_bytes())
    await department.services.documents.delete(department.principal, receipt.document_id, client=CLIENT)
    await desk.worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
    await desk.worker.dispatcher.drain()
    async with department.services.database.transaction(department.principal.organization_id) as session:
        assert list(await session.scalars(select(Document.id))) == []


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        ("valves.txt", "mail.eml › valves.txt"),
        ("..\\..\\valves.txt", "mail.eml › valves.txt"),
        ("/etc/./x\x00y\n.txt", "mail.eml › etc › xy .txt"),
        ("../", "mail.eml › (no name)"),
        ("\ud800.txt", "mail.eml › ?.txt"),
    ],
)
def test_a_name_that_leads_outside_leads_nowhere(inside: str, name: str) -> None:
    assert full_name("mail.eml", inside) == name


def test_a_name_that_is_too_long_keeps_its_ending_and_stays_its_own() -> None:
    one, other = full_name("mail.eml", f"{'a' * 300}1.pdf"), full_name("mail.eml", f"{'a' * 300}2.pdf")
    assert one != other
    assert len(one) == len(other) == 255
    assert Path(one).suffix == ".pdf"


@pytest.mark.sees("ingestion.supported_mime_types")
async def test_only_types_that_an_administrator_allows_are_taken_in(
    department: Department, environment: dict[str, str]
) -> None:
    allowed = '["message/*", "text/plain"]'
    loaded = load_settings(environ=environment | {"FOUNDRY__ingestion__supported_mime_types": allowed})
    async with open_services(loaded) as services, open_worker(loaded) as worker:
        desk = Desk(Department(services, department.user, department.principal), worker)
        with pytest.raises(DocumentError, match="text/csv are not taken in") as caught:
            await desk.hand_in("prices.csv", b"pump,4711\n")
        assert caught.value.failure_code == "unsupported_type"
        assert await desk.files() == 0
        message = mail(("prices.csv", b"pump,4711\n"), ("valves.txt", SIX.encode()))
        document = await desk.hand_in("inspection.eml", message.as_bytes())
        assert set(await desk.names()) == {"inspection.eml", "inspection.eml › valves.txt"}
        assert "prices.csv (Files of the type text/csv are not taken in here)" in str(document.warning)
        assert await desk.files() == 2
