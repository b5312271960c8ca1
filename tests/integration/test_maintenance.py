"""Does upkeep find what is wrong in the stores, put right what can be, touch nothing else, and say so?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text, update

from config.loader import load_settings
from core.errors import AuthorizationError, ConflictError
from core.identity import Principal, Role
from core.types import VectorFilter
from db.engine import create_engine
from db.maintenance import MaintenanceDatabase
from db.models import (
    DocumentChunk,
    DocumentVersion,
    IndexedVersion,
    MaintenanceReport,
    Session,
    TermStatistic,
    VersionPeriod,
)
from services.bootstrap import Services
from services.connections import maintenance_address
from services.maintenance.findings import Findings, MaintenanceKind
from services.maintenance.jobs import rounds_of
from services.maintenance.rounds import BROKEN_OFF, Rounds
from services.uploads.receipts import FILE_STATE
from services.views.operations import MaintenanceView
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department
from tests.integration.test_gateway import api as api  # the fixture
from tests.integration.test_gateway import sign_in
from tests.integration.test_removal import add_collection, store_stray
from tests.support.waiting import until
from tests.support.worker_process import worker_process


@dataclass(frozen=True, slots=True)
class Caretaker:
    """Upkeep by hand, and what lies behind the walls."""

    database: MaintenanceDatabase
    rounds: Rounds

    async def round(self, kind: MaintenanceKind) -> MaintenanceView:
        report = await self.rounds.run_one(kind)
        assert report is not None
        assert report.error is None
        assert report.ended_at is not None
        return report

    async def reports(self) -> list[MaintenanceReport]:
        async with self.database.transaction() as session:
            return list(await session.scalars(select(MaintenanceReport).order_by(MaintenanceReport.created_at)))


@pytest.fixture
async def caretaker(services: Services, environment: dict[str, str], redis_client: Redis) -> AsyncIterator[Caretaker]:
    chosen = load_settings(environ=environment | {"FOUNDRY__maintenance__keep_versions": "1"})
    database = MaintenanceDatabase(create_engine(maintenance_address(chosen.settings), pool_size=3))
    yield Caretaker(database, rounds_of(replace(services, settings=chosen.settings), database, redis_client))
    await database.close()


def operator_of(department: Department) -> Principal:
    return replace(department.principal, role=Role.OPERATOR)


async def vectors_of(department: Department) -> int:
    primary = department.services.indexes.primary
    assert primary.vectors is not None
    return await primary.vectors.count(primary.collection, VectorFilter(department.principal.organization_id))


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
        await worker.accept(department.principal.organization_id, receipt.task_id)
        ids.append(receipt)
    await worker.drain()
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


async def test_one_round_at_a_time_and_that_of_a_lost_worker_is_broken_off(
    department: Department, caretaker: Caretaker
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Findings:
        begun.set()
        await go_on.wait()
        return Findings(2, 1)

    async def quick() -> Findings:
        return Findings()

    jobs = {MaintenanceKind.FILES: slow, MaintenanceKind.EXPIRED: quick}
    one, two = (Rounds(caretaker.database, jobs, every=timedelta(days=1)) for _ in range(2))
    under_way = asyncio.create_task(one.run_one(MaintenanceKind.FILES))
    await begun.wait()
    assert await two.run_one(MaintenanceKind.EXPIRED) is None
    assert await two.run() == 0
    async with caretaker.database.transaction() as session:
        running = MaintenanceReport.started_at.is_not(None)
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(MaintenanceReport).where(running).values(lease_until=past))
    assert await two.run() == 1
    go_on.set()
    await under_way
    lost, ended = await caretaker.reports()
    assert (lost.kind, lost.error, lost.found) == ("files", BROKEN_OFF, 0)
    assert (ended.kind, ended.error) == ("expired", None)


async def test_rounds_are_due_a_day_after_the_installation_began_and_then_daily(
    department: Department, caretaker: Caretaker
) -> None:
    assert await caretaker.rounds.run() == 0
    async with caretaker.database.transaction() as session:
        await session.execute(text("UPDATE organizations SET created_at = now() - interval '25 hours'"))
    assert await caretaker.rounds.run() == len(MaintenanceKind)
    assert await caretaker.rounds.run() == 0
    async with caretaker.database.transaction() as session:
        await session.execute(text("UPDATE maintenance_reports SET created_at = now() - interval '25 hours'"))
    assert await caretaker.rounds.run() == len(MaintenanceKind)
    assert {report.error for report in await caretaker.reports()} == {None}


async def test_a_round_that_fails_says_so(department: Department, caretaker: Caretaker) -> None:
    async def fails() -> Findings:
        raise ConflictError("no")

    report = await Rounds(caretaker.database, {MaintenanceKind.FILES: fails}, every=timedelta(days=1)).run_one(
        MaintenanceKind.FILES
    )
    assert report is not None
    assert report.error == "conflict"


async def test_the_operator_starts_rounds_and_deletes_organisations_through_the_api(
    department: Department, worker: Worker, services: Services, api: httpx.AsyncClient
) -> None:
    other = await make_department(services, "beta")
    await other.read(worker, "beta.txt", b"The gauge of beta reads 9 bar.")
    theirs = await sign_in(api, other)
    admin = await sign_in(api, department)
    assert (await api.get("/api/v1/maintenance", headers=admin)).status_code == 403
    gone = f"/api/v1/organizations/{other.principal.organization_id}"
    assert (await api.delete(gone, headers=admin)).status_code == 403
    for path in ("organizations", "organizations/deletions"):
        assert (await api.get(f"/api/v1/{path}", headers=admin)).status_code == 403
    await _make_operator(services, department)
    answer = await api.post("/api/v1/maintenance/files", headers=admin)
    assert (answer.status_code, answer.json()["kind"]) == (202, "files")
    assert (await api.post("/api/v1/maintenance/nothing", headers=admin)).status_code == 422
    listed = (await api.get("/api/v1/organizations", headers=admin)).json()
    assert {one["name"]: (one["users"], one["documents"]) for one in listed} == {"alpha": (1, 0), "beta": (1, 1)}
    answer = await api.delete(gone, headers=admin)
    assert (answer.status_code, answer.json()["completed_at"]) == (202, None)
    assert (await api.get("/api/v1/documents", headers=theirs)).status_code == 401
    own = await api.delete(f"/api/v1/organizations/{department.principal.organization_id}", headers=admin)
    assert (own.status_code, own.json()["detail"]) == (409, "It has the only operator of this installation.")

    async def ended() -> tuple[Any, Any] | None:
        reports = (await api.get("/api/v1/maintenance", headers=admin)).json()
        deletions = (await api.get("/api/v1/organizations/deletions", headers=admin)).json()
        return (reports, deletions) if reports[0]["ended_at"] and deletions[0]["completed_at"] else None

    reports, deletions = await until(ended)
    assert (reports[0]["kind"], reports[0]["error"]) == ("files", None)
    assert deletions[0]["left"] == {}
    assert [one["name"] for one in (await api.get("/api/v1/organizations", headers=admin)).json()] == ["alpha"]
    assert await vectors_of(other) == 0


async def test_organisations_are_listed_with_what_is_in_them(
    department: Department, worker: Worker, services: Services
) -> None:
    other = await make_department(services, "beta")
    await other.read(worker, "beta.txt", b"The gauge of beta reads 9 bar.")
    alpha, beta = await services.tenants.organizations(operator_of(department))
    assert [(one.name, one.plan, one.users, one.documents) for one in (alpha, beta)] == [
        ("alpha", "enterprise", 1, 0),
        ("beta", "enterprise", 1, 1),
    ]
    assert alpha.created_at < beta.created_at
    assert not alpha.is_being_deleted


async def test_an_operator_deletes_their_own_organisation_once_another_has_one(
    department: Department, services: Services, api: httpx.AsyncClient
) -> None:
    other = await make_department(services, "beta")
    await _make_operator(services, department)
    mine, theirs = await sign_in(api, department), await sign_in(api, other)
    own = f"/api/v1/organizations/{department.principal.organization_id}"
    assert [one["has_last_operator"] for one in (await api.get("/api/v1/organizations", headers=mine)).json()] == [
        True,
        False,
    ]
    assert (await api.delete(own, headers=mine)).status_code == 409
    await _make_operator(services, other)
    listed = (await api.get("/api/v1/organizations", headers=theirs)).json()
    assert [one["has_last_operator"] for one in listed] == [False, False]
    assert (await api.delete(own, headers=mine)).status_code == 202
    assert (await api.get("/api/v1/auth/me", headers=mine)).status_code == 401
    (receipt,) = (await api.get("/api/v1/organizations/deletions", headers=theirs)).json()
    assert receipt["requested_by"] == str(department.principal.user_id)
    (gone, last) = (await api.get("/api/v1/organizations", headers=theirs)).json()
    assert (gone["is_being_deleted"], last["has_last_operator"]) == (True, True)


async def _make_operator(services: Services, department: Department) -> None:
    async with services.database.transaction(department.principal.organization_id) as session:
        await session.execute(text("UPDATE users SET role = 'operator'"))


async def test_collections_and_people_go_through_the_api_and_the_receipts_are_listed(
    department: Department, services: Services, api: httpx.AsyncClient
) -> None:
    admin = await sign_in(api, department)
    collection = await add_collection(department, "Reports")
    changed = await api.patch(f"/api/v1/collections/{collection}", headers=admin, json={"retention_days": 7})
    assert changed.status_code == 204
    assert (await api.patch(f"/api/v1/collections/{collection}", headers=admin, json={})).status_code == 422
    body = {"email": "eve@alpha.example", "password": PASSWORD, "role": "viewer"}
    user = (await api.post("/api/v1/users", headers=admin, json=body)).json()
    for path, subject in ((f"collections/{collection}", "collection"), (f"users/{user['id']}", "user")):
        answer = await api.delete(f"/api/v1/{path}", headers=admin)
        assert (answer.status_code, answer.json()["subject"], answer.json()["left"]) == (200, subject, {})
        assert (await api.delete(f"/api/v1/{path}", headers=admin)).status_code == 404
    listed = (await api.get("/api/v1/deletions", headers=admin)).json()
    assert [one["subject"] for one in listed] == ["user", "collection"]


async def test_only_operators_see_what_concerns_all(department: Department, services: Services) -> None:
    for call in (
        services.tenants.reports(department.principal),
        services.tenants.organizations(department.principal),
        services.tenants.deletions(department.principal),
        services.tenants.start(department.principal, MaintenanceKind.FILES, client=CLIENT),
    ):
        with pytest.raises(AuthorizationError):
            await call
