"""Are vectors without a document removed, and lost ones made again?"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from db.models import IndexedVersion
from services.bootstrap import Services
from services.maintenance.findings import MaintenanceKind
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.support.caretaker import Caretaker, operator_of, vectors_of
from tests.support.cellar import store_stray
from tests.support.waiting import until
from tests.support.worker_process import worker_process


async def test_orphan_vectors_go_and_no_other(
    department: Department, worker: Worker, services: Services, caretaker: Caretaker
) -> None:
    other = await make_department(services, "beta")
    await other.read(worker, "beta.txt", b"The gauge of beta reads 9 bar.")
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    before = (await vectors_of(department), await vectors_of(other))
    view = await services.documents.get(department.principal, receipt.document_id)
    await store_stray(department, view.collection_id, receipt.document_id, uuid4())
    await store_stray(department, uuid4(), uuid4(), uuid4())
    report = await caretaker.round(MaintenanceKind.VECTORS)
    assert (report.found, report.repaired, report.details) == (2, 2, {"orphan vectors": 2})
    assert (await vectors_of(department), await vectors_of(other)) == before
    assert (await caretaker.round(MaintenanceKind.VECTORS)).found == 0


async def test_vectors_of_a_deleted_organisation_that_came_late_go(
    department: Department, worker: Worker, services: Services, caretaker: Caretaker
) -> None:
    other = await make_department(services, "beta")
    principal = operator_of(department)
    await services.tenants.delete_organization(principal, other.principal.organization_id, client=CLIENT)

    async def completed() -> bool:
        (view,) = await services.tenants.deletions(principal)
        return view.completed_at is not None

    await until(completed)
    await store_stray(other, uuid4(), uuid4(), uuid4())
    assert (await caretaker.round(MaintenanceKind.VECTORS)).details == {"orphan vectors": 1}
    assert await vectors_of(other) == 0


async def test_a_document_whose_vectors_are_lost_is_read_again(
    department: Department,
    worker: Worker,
    services: Services,
    caretaker: Caretaker,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    kept = await department.read(worker, "kept.txt", b"The gauge reads 9 bar.")
    lost = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    before, primary = await vectors_of(department), services.indexes.primary
    assert primary.vectors is not None
    await primary.vectors.delete_documents(primary.collection, [lost.document_id], department.principal.organization_id)
    report = await caretaker.round(MaintenanceKind.VECTORS)
    assert report.details == {"missing vectors": before - await vectors_of(department)}
    async with caretaker.database.transaction() as session:
        inside = set(await session.scalars(select(IndexedVersion.version_id)))
    assert inside == {kept.version_id}

    async def as_before() -> bool:
        return await vectors_of(department) == before

    async with worker_process(environment, tmp_path / "worker.log"):
        await until(as_before)
    assert (await caretaker.round(MaintenanceKind.VECTORS)).found == 0
