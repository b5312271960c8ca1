"""What do operators see and start, and nobody else?"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from core.errors import AuthorizationError
from services.bootstrap import Services
from services.maintenance.findings import MaintenanceKind
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department
from tests.integration.test_gateway import api as api  # the fixture
from tests.integration.test_gateway import sign_in
from tests.support.caretaker import make_operator, operator_of, vectors_of
from tests.support.cellar import add_collection
from tests.support.waiting import until


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
    await make_operator(services, department)
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
    await make_operator(services, department)
    mine, theirs = await sign_in(api, department), await sign_in(api, other)
    own = f"/api/v1/organizations/{department.principal.organization_id}"
    assert [one["has_last_operator"] for one in (await api.get("/api/v1/organizations", headers=mine)).json()] == [
        True,
        False,
    ]
    assert (await api.delete(own, headers=mine)).status_code == 409
    await make_operator(services, other)
    listed = (await api.get("/api/v1/organizations", headers=theirs)).json()
    assert [one["has_last_operator"] for one in listed] == [False, False]
    assert (await api.delete(own, headers=mine)).status_code == 202
    assert (await api.get("/api/v1/auth/me", headers=mine)).status_code == 401
    (receipt,) = (await api.get("/api/v1/organizations/deletions", headers=theirs)).json()
    assert receipt["requested_by"] == str(department.principal.user_id)
    (gone, last) = (await api.get("/api/v1/organizations", headers=theirs)).json()
    assert (gone["is_being_deleted"], last["has_last_operator"]) == (True, True)


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
