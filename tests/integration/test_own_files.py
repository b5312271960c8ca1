"""May somebody who only asks hand in files for himself, and does nobody else ever see them?"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from config.loader import load_settings
from core.errors import AuthorizationError, NotFoundError, QuotaError
from core.identity import Principal, Role, Scope
from db.models import Collection, Document
from services.access import OWN_FILES
from services.bootstrap import Services, open_services
from services.documents.folder_sync import FolderSync
from services.samples import mark_samples
from services.search.retriever import SearchMode
from services.views.uploads import Receipt
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department
from tests.support.cellar import add_person

SECRET = b"The pay of the Zwiebelturm keeper is 4711 crowns a month."
QUESTION = "What is the pay of the Zwiebelturm keeper?"


@dataclass(frozen=True, slots=True)
class House:
    """A department with an administrator, an editor and two people who only ask."""

    department: Department
    worker: Worker
    vera: Principal
    otto: Principal
    editor: Principal

    @property
    def services(self) -> Services:
        return self.department.services

    def at(self, principal: Principal) -> Department:
        return Department(self.services, self.department.user, principal)

    async def read(self, principal: Principal, filename: str, content: bytes) -> Receipt:
        return await self.at(principal).read(self.worker, filename, content)


@pytest.fixture
async def house(department: Department, worker: Worker) -> House:
    return House(
        department,
        worker,
        vera=await add_person(department, "vera", Role.VIEWER),
        otto=await add_person(department, "otto", Role.VIEWER),
        editor=await add_person(department, "eve", Role.EDITOR),
    )


async def test_a_viewer_asks_his_own_file_and_nobody_else_can(house: House) -> None:
    receipt = await house.read(house.vera, "pay.txt", SECRET)
    (hit,) = await house.services.search.search(house.vera, QUESTION)
    assert hit.document_id == receipt.document_id
    for stranger in (house.otto, house.editor, house.department.principal):
        for mode in SearchMode:
            assert await house.services.search.search(stranger, QUESTION, mode=mode) == ()
        assert (await house.services.documents.list_page(stranger)).items == ()
        collections = await house.services.documents.list_collections(stranger)
        assert [(one.name, one.document_count) for one in collections] == [("General", 0)]
        assert await house.services.tasks.list_tasks(stranger) == ()
        with pytest.raises(NotFoundError):
            await house.services.documents.get(stranger, receipt.document_id)
        with pytest.raises(NotFoundError):
            await house.services.documents.delete(stranger, receipt.document_id, client=CLIENT)
        with pytest.raises(NotFoundError):
            await house.services.tasks.receipt(stranger, receipt.task_id)
        with pytest.raises(NotFoundError):
            await house.services.documents.passage(stranger, hit.chunk_id)


async def test_nobody_hands_a_file_into_what_is_another_persons(house: House) -> None:
    await house.read(house.vera, "pay.txt", SECRET)
    collections = await house.services.documents.list_collections(house.vera)
    (own,) = [one for one in collections if one.is_own]
    assert (own.name, own.is_own, own.is_open) == (OWN_FILES, True, False)
    for stranger in (house.otto, house.editor, house.department.principal):
        with pytest.raises(NotFoundError):
            await house.at(stranger).upload("pay.txt", b"Forged.", collection_id=own.id)


async def test_own_files_are_listed_read_again_stopped_and_removed_by_their_owner(house: House) -> None:
    receipt = await house.read(house.vera, "pay.txt", SECRET)
    await house.read(house.editor, "handbook.txt", b"The handbook is for everybody.")
    mine = await house.services.documents.list_page(house.vera, mine=True)
    assert [(item.filename, item.may_change) for item in mine.items] == [("pay.txt", True)]
    shown = await house.services.documents.list_page(house.vera)
    assert {item.filename: item.may_change for item in shown.items} == {"pay.txt": True, "handbook.txt": False}
    again = await house.services.ingestion.reindex(house.vera, receipt.document_id, client=CLIENT)
    await house.services.tasks.cancel(house.vera, again.task_id, client=CLIENT)
    deleted = await house.services.documents.delete(house.vera, receipt.document_id, client=CLIENT)
    assert deleted.completed_at is not None
    assert (await house.services.documents.list_page(house.vera, mine=True)).items == ()
    assert {hit.filename for hit in await house.services.search.search(house.vera, QUESTION)} == {"handbook.txt"}


async def test_the_same_name_in_two_own_collections_is_two_documents(house: House) -> None:
    one, other = await house.read(house.vera, "pay.txt", SECRET), await house.read(house.otto, "pay.txt", SECRET)
    assert one.document_id != other.document_id
    assert (one.version_number, other.version_number, one.similar, other.similar) == (1, 1, (), ())


async def test_a_viewer_cannot_stop_or_read_again_what_is_shared(house: House) -> None:
    receipt = await house.at(house.editor).upload("handbook.txt", b"The handbook is for everybody.")
    with pytest.raises(AuthorizationError):
        await house.services.tasks.cancel(house.vera, receipt.task_id, client=CLIENT)
    with pytest.raises(AuthorizationError):
        await house.services.ingestion.reindex(house.vera, receipt.document_id, client=CLIENT)


async def test_a_credential_that_may_only_read_hands_nothing_in(house: House) -> None:
    reading = replace(house.vera, scopes=frozenset({Scope.READ}))
    with pytest.raises(AuthorizationError):
        await house.at(reading).upload("pay.txt", SECRET)


@pytest.mark.sees("ingestion.max_own_files")
async def test_own_files_are_counted_and_the_quota_named(house: House, environment: dict[str, str]) -> None:
    async with _allowing(environment, 1) as services:
        alone = Department(services, house.department.user, house.vera)
        await alone.upload("pay.txt", SECRET)
        with pytest.raises(QuotaError, match="1 file of your own") as caught:
            await alone.upload("more.txt", SECRET)
        assert "ingestion.max_own_files" in str(caught.value.next_step)
        assert (await alone.upload("pay.txt", b"Another version.")).version_number == 2


async def test_an_administrator_can_forbid_own_files(house: House, environment: dict[str, str]) -> None:
    async with _allowing(environment, 0) as services:
        with pytest.raises(AuthorizationError):
            await Department(services, house.department.user, house.vera).upload("pay.txt", SECRET)
        assert await services.blobs.count(house.vera.organization_id) == 0


def _allowing(environment: dict[str, str], files: int) -> AbstractAsyncContextManager[Services]:
    return open_services(load_settings(environ=environment | {"FOUNDRY__ingestion__max_own_files": str(files)}))


async def test_own_files_go_with_their_owner_though_what_was_shared_stays(house: House) -> None:
    await house.read(house.vera, "pay.txt", SECRET)
    kept = await house.read(house.editor, "handbook.txt", b"The handbook is for everybody.")
    view = await house.services.removal.delete_user(house.department.principal, house.vera.user_id, client=CLIENT)
    assert view.completed_at is not None
    assert {"users": 1, "documents": 1, "collections": 1, "files": 1}.items() <= view.removed.items()
    async with house.services.database.transaction(house.vera.organization_id) as session:
        assert list(await session.scalars(select(Document.id))) == [kept.document_id]
        assert list(await session.scalars(select(Collection.user_id))) == [None]


async def test_a_viewer_who_becomes_an_editor_keeps_his_own_and_hands_in_for_everybody(house: House) -> None:
    await house.read(house.vera, "pay.txt", SECRET)
    promoted = replace(house.vera, role=Role.EDITOR)
    await house.read(promoted, "handbook.txt", b"The handbook is for everybody.")
    names = {item.filename: item.collection_name for item in (await house.services.documents.list_page(promoted)).items}
    assert names == {"pay.txt": OWN_FILES, "handbook.txt": "General"}
    shared = await house.services.documents.list_page(house.otto)
    assert [item.filename for item in shared.items] == ["handbook.txt"]


async def test_samples_and_what_a_folder_brought_are_not_listed_as_handed_in(
    department: Department, worker: Worker, tmp_path: Path
) -> None:
    services, me = department.services, department.principal
    samples, folder = tmp_path / "samples", tmp_path / "drive"
    for path in (samples / "guide.md", samples / "leave.md", folder / "drive.md"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"# {path.stem}\n\nThe {path.stem} says so.\n".encode())
    await department.read(worker, "guide.md", (samples / "guide.md").read_bytes())
    # Of the name of a sample, and somebody's own.
    await department.read(worker, "leave.md", b"# Leave\n\nOurs is 31 days.\n")
    await FolderSync(services.database, services.ingestion, services.documents, me, folder).run()

    async def listed(*, mine: bool) -> set[str]:
        return {view.filename for view in (await services.documents.list_page(me, mine=mine)).items}

    for _ in range(2):
        await mark_samples(services.settings, sorted(samples.iterdir()))
        assert await listed(mine=True) == {"leave.md"}
        assert await listed(mine=False) == {"guide.md", "leave.md", "drive.md"}
