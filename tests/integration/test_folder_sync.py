"""Does a folder stay in step with its documents, and does nothing else go with it?"""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from core.errors import AuthorizationError, ConflictError, ValidationError
from core.identity import Principal, Role
from services.documents.folder_sync import FolderSync, SyncReport
from services.worker.container import Worker
from tests.fixtures.application import Department


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shared drive"
    (made / "valves" / "old").mkdir(parents=True)
    (made / "manual.md").write_text("# Manual\n\nThe pump is serviced every spring.\n", encoding="utf-8")
    (made / "valves" / "manual.md").write_text("# Valves\n\nThe valve opens at 6 bar.\n", encoding="utf-8")
    (made / "valves" / "old" / "бюллетень.txt").write_text("The old valve opened at 4 bar.", encoding="utf-8")
    (made / ".hidden.md").write_text("Nobody hands this in.", encoding="utf-8")
    (made / "~$manual.docx").write_bytes(b"a lock of a word processor")
    (made / "link.md").symlink_to(made / "manual.md")
    return made


def sync(department: Department, folder: Path, *, remove_gone: bool = True) -> FolderSync:
    services = department.services
    return FolderSync(
        services.database,
        services.ingestion,
        services.documents,
        department.principal,
        folder,
        remove_gone=remove_gone,
    )


async def names(department: Department) -> set[str]:
    page = await department.services.documents.list_page(department.principal)
    return {document.filename for document in page.items}


def handed_in(report: SyncReport) -> set[tuple[str, int]]:
    return {(receipt.filename, receipt.version_number) for receipt in report.received}


def touch(folder: Path) -> None:
    for path in folder.rglob("*.md"):
        path.touch()


def lose(folder: Path, *, keep_it: bool = False) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if keep_it:
        folder.mkdir()


ALL = {"manual.md", "valves › manual.md", "valves › old › бюллетень.txt"}


async def test_what_is_new_changed_and_gone_is_handed_in_and_deleted(
    department: Department, worker: Worker, folder: Path
) -> None:
    await department.read(worker, "by hand.md", b"Somebody dropped this into the chat.")
    kept = sync(department, folder)
    first = await kept.run()
    assert handed_in(first) == {(name, 1) for name in ALL}
    again = await kept.run()
    assert (handed_in(again), again.removed, again.unchanged) == (set(), [], 3)
    (folder / "valves" / "manual.md").write_text("# Valves\n\nThe valve opens at 8 bar.\n", encoding="utf-8")
    (folder / "manual.md").unlink()
    (folder / "new.md").write_text("The new boiler is blue.", encoding="utf-8")
    third = await kept.run()
    assert handed_in(third) == {("valves › manual.md", 2), ("new.md", 1)}
    assert third.removed == ["manual.md"]
    assert await names(department) == (ALL - {"manual.md"}) | {"new.md", "by hand.md"}


async def test_another_process_knows_by_the_digest_what_is_there(department: Department, folder: Path) -> None:
    await sync(department, folder).run()
    touch(folder)
    later = await sync(department, folder).run()
    assert (handed_in(later), later.unchanged) == (set(), 3)


async def test_a_document_that_was_there_already_belongs_to_the_folder_when_it_says_the_same(
    department: Department, folder: Path
) -> None:
    await department.upload("manual.md", (folder / "manual.md").read_bytes())
    assert (await sync(department, folder).run()).unchanged == 1
    (folder / "manual.md").unlink()
    assert (await sync(department, folder).run()).removed == ["manual.md"]


async def test_a_drive_that_is_away_deletes_nothing(department: Department, folder: Path) -> None:
    kept = sync(department, folder)
    await kept.run()
    lose(folder)
    with pytest.raises(ValidationError, match="no folder"):
        await kept.run()
    lose(folder, keep_it=True)
    with pytest.raises(ConflictError, match="empty, but 3 documents"):
        await kept.run()
    assert await names(department) == ALL


async def test_documents_stay_when_that_is_wished(department: Department, folder: Path) -> None:
    kept = sync(department, folder, remove_gone=False)
    await kept.run()
    (folder / "manual.md").unlink()
    assert (await kept.run()).removed == []
    assert await names(department) == ALL


async def test_a_file_nobody_reads_is_named_once_and_again_when_it_changes(
    department: Department, folder: Path
) -> None:
    kept = sync(department, folder)
    program = folder / "setup.exe"
    program.write_bytes(b"MZ\x90\x00" + bytes(200))
    assert set((await kept.run()).refused) == {"setup.exe"}
    assert (await kept.run()).refused == {}
    program.write_bytes(b"MZ\x90\x00" + bytes(300))
    assert set((await kept.run()).refused) == {"setup.exe"}
    assert await names(department) == ALL


async def test_a_reader_may_not(department: Department, folder: Path) -> None:
    services = department.services
    viewer = Principal(uuid4(), department.principal.organization_id, Role.VIEWER, "viewer@alpha.example")
    with pytest.raises(AuthorizationError):
        FolderSync(services.database, services.ingestion, services.documents, viewer, folder)
