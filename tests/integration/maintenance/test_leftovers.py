"""Is what nobody needs any more removed, and what is wrong put right or told?"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, text, update

from db.models import DocumentChunk, DocumentVersion, Session, TermStatistic, VersionPeriod
from services.bootstrap import Services
from services.maintenance.findings import MaintenanceKind
from services.uploads.receipts import FILE_STATE
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, PASSWORD, Department
from tests.support.caretaker import Caretaker
from tests.support.cellar import add_collection


async def test_what_nobody_can_use_any_more_goes(
    department: Department, services: Services, caretaker: Caretaker
) -> None:
    for _ in range(3):
        await services.accounts.sign_in(department.user.email, PASSWORD, client=CLIENT)
    async with caretaker.database.transaction() as session:
        first, second, _ = (await session.scalars(select(Session).order_by(Session.created_at))).all()
        first.expires_at = datetime.now(UTC) - timedelta(days=2)
        second.revoked_at = datetime.now(UTC) - timedelta(days=2)
    report = await caretaker.round(MaintenanceKind.EXPIRED)
    assert report.details == {"sessions": 2}
    async with caretaker.database.transaction() as session:
        assert await session.scalar(select(func.count(Session.id))) == 1


async def test_statistics_that_went_wrong_are_counted_again(
    department: Department, worker: Worker, services: Services, caretaker: Caretaker
) -> None:
    await department.read(worker, "gone.txt", b"The pump runs at 50 Hz.")
    await department.read(worker, "valves.txt", b"The valve opens at 6 bar. The valve closes at 3 bar.")

    async def counts() -> dict[int, int]:
        async with caretaker.database.transaction() as session:
            rows = await session.execute(select(TermStatistic.term_id, TermStatistic.document_count))
            return {row[0]: row[1] for row in rows if row[1]}

    truth = await counts()
    assert (await caretaker.round(MaintenanceKind.STATISTICS)).found == 0
    async with caretaker.database.transaction() as session:
        terms = sorted(truth)
        await session.execute(update(TermStatistic).where(TermStatistic.term_id == terms[0]).values(document_count=77))
        await session.execute(text("DELETE FROM term_statistics WHERE term_id = :t"), {"t": terms[-1]})
        session.add(
            TermStatistic(organization_id=department.principal.organization_id, term_id=12345, document_count=4)
        )
    report = await caretaker.round(MaintenanceKind.STATISTICS)
    assert (report.found, report.repaired) == (3, 3)
    assert await counts() == truth


async def test_damaged_and_missing_files_are_told_and_unused_ones_go(
    department: Department, worker: Worker, services: Services, caretaker: Caretaker, tmp_path: Path
) -> None:
    mine, contents = department.principal.organization_id, [b"One bar.", b"Two bar.", b"Three bar."]
    whole, damaged, missing = [
        await department.read(worker, f"{number}.txt", content) for number, content in enumerate(contents)
    ]
    paths = {}
    for receipt in (whole, damaged, missing):
        path, _, _ = await services.documents.file(department.principal, receipt.document_id, receipt.version_id)
        paths[receipt.document_id] = path
    paths[damaged.document_id].write_bytes(b"One car.")
    paths[missing.document_id].unlink()
    folder = tmp_path / "files" / str(mine)
    old, young, left = folder / "ab" / ("ab" * 32), folder / "cd" / ("cd" * 32), folder / ".incoming-x"
    for path in (old, young, left):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    yesterday = (datetime.now(UTC) - timedelta(hours=25)).timestamp()
    for path in (old, left, *(path for path in paths.values() if path.exists())):
        os.utime(path, (yesterday, yesterday))
    report = await caretaker.round(MaintenanceKind.FILES)
    expected = {"damaged files": 1, "missing files": 1, "unused files": 1, "unfinished uploads": 1}
    assert (report.found, report.repaired, report.details) == (4, 2, expected)
    assert (old.exists(), left.exists(), young.exists(), paths[whole.document_id].exists()) == (
        False,
        False,
        True,
        True,
    )
    warnings = [
        (await services.documents.get(department.principal, receipt.document_id)).warning
        for receipt in (whole, damaged, missing)
    ]
    assert warnings[0] is None
    assert "damaged" in str(warnings[1])
    assert "missing" in str(warnings[2])
    paths[damaged.document_id].write_bytes(contents[1])
    paths[missing.document_id].write_bytes(contents[2])
    assert (await caretaker.round(MaintenanceKind.FILES)).found == 0
    async with caretaker.database.transaction() as session:
        kept = await session.scalars(select(DocumentVersion.meta))
        assert not [meta for meta in kept if FILE_STATE in meta]


async def test_documents_over_the_time_of_their_collection_go_with_a_receipt(
    department: Department, worker: Worker, services: Services, caretaker: Caretaker
) -> None:
    short = await add_collection(department, "Short")
    await services.removal.keep_for(department.principal, short, 30, client=CLIENT)
    ids = []
    for name, collection in (("old.txt", short), ("new.txt", short), ("kept.txt", None)):
        receipt = await department.upload(name, f"{name} says 6 bar.".encode(), collection)
        await worker.dispatcher.begin(department.principal.organization_id, receipt.task_id)
        ids.append(receipt)
    await worker.dispatcher.drain()
    async with caretaker.database.transaction() as session:
        for receipt, days in zip(ids, (31, 29, 400), strict=True):
            moment = datetime.now(UTC) - timedelta(days=days)
            version = DocumentVersion.id == receipt.version_id
            await session.execute(update(DocumentVersion).where(version).values(valid_from=moment))
    report = await caretaker.round(MaintenanceKind.RETENTION)
    assert report.details == {"documents": 1}
    page = await services.documents.list_page(department.principal)
    assert {item.filename for item in page.items} == {"new.txt", "kept.txt"}
    (deletion,) = await services.removal.receipts(department.principal)
    assert (deletion.subject_id, deletion.requested_by) == (ids[0].document_id, "retention")
    assert deletion.completed_at is not None
    shown = {one.name: one.retention_days for one in await services.documents.list_collections(department.principal)}
    assert shown == {"General": None, "Short": 30}


async def test_old_versions_beyond_those_that_are_kept_go_and_the_answering_one_never(
    department: Department, worker: Worker, services: Services, caretaker: Caretaker
) -> None:
    receipts = [await department.read(worker, "valves.txt", f"It opens at {n} bar.".encode()) for n in (1, 2, 3)]
    oldest, former, answering = (receipt.version_id for receipt in receipts)
    path, _, _ = await services.documents.file(department.principal, receipts[0].document_id, oldest)
    report = await caretaker.round(MaintenanceKind.RETENTION)
    assert report.details == {"versions": 1}
    async with caretaker.database.transaction() as session:
        for model in (DocumentVersion.id, DocumentChunk.version_id, VersionPeriod.version_id):
            assert set(await session.scalars(select(model))) == {former, answering}
    assert not path.exists()
    (deletion,) = await services.removal.receipts(department.principal)
    assert (deletion.subject, deletion.subject_id, deletion.left) == ("version", oldest, {})
    assert {"document_versions": 1, "document_chunks": 1, "files": 1}.items() <= deletion.removed.items()
    (hit,) = await services.search.search(department.principal, "At how many bar does it open?")
    assert hit.version_id == answering
    assert (await caretaker.round(MaintenanceKind.RETENTION)).found == 0
