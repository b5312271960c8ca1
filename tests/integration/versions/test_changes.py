"""Are the changes of a version shown, also through the API?"""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from core.errors import ConflictError, NotFoundError
from services.views.uploads import Receipt
from services.worker.container import Worker
from tests.fixtures.application import Department
from tests.fixtures.documents import pdf_pages
from tests.integration.test_gateway import api as api  # the fixture
from tests.integration.test_gateway import sign_in
from tests.support.versions import NEW, OLD, QUESTION, finish, now


async def test_a_diff_names_pages_and_lines(department: Department, worker: Worker) -> None:
    await department.read(worker, "manual.pdf", pdf_pages([["Title."], ["The pump costs 48 EUR.", "It is red."]]))
    receipt = await department.read(
        worker,
        "manual.pdf",
        pdf_pages([["Title."], ["A new page."], ["The pump costs 52 EUR.", "It is red."]]),
    )
    versions, me = department.services.versions, department.principal
    found = await versions.diff(me, receipt.document_id, 1, 2)
    assert (found.pages_unchanged, found.truncated) == (1, False)
    assert "-The pump costs 48 EUR." in found.unified
    assert "+The pump costs 52 EUR." in found.unified
    removed = [line for change in found.changes for line in change.removed]
    added = [line for change in found.changes for line in change.added]
    assert removed == ["The pump costs 48 EUR."]
    assert sorted(added) == ["A new page.", "The pump costs 52 EUR."]
    with pytest.raises(NotFoundError):
        await versions.diff(me, receipt.document_id, 1, 9)
    failed = await department.read(worker, "manual.pdf", b"%PDF-1.4 broken")
    with pytest.raises(ConflictError, match="was not read"):
        await versions.diff(me, failed.document_id, 2, 3)


async def test_versions_through_the_api(
    api: httpx.AsyncClient,
    department: Department,
    worker: Worker,
) -> None:
    headers = await sign_in(api, department)
    first = await department.read(worker, "valves.md", OLD)
    moment = now().isoformat()
    path = f"/api/v1/documents/{first.document_id}"
    upload = await api.post(
        "/api/v1/documents",
        params={"document_id": str(first.document_id)},
        files={"file": ("other name.md", NEW)},
        headers=headers,
    )
    assert (upload.status_code, upload.json()["version_number"]) == (202, 2)
    await finish(department, worker, Receipt.model_validate(upload.json()))
    listed = (await api.get(f"{path}/versions", headers=headers)).json()
    assert [(one["number"], one["answers"], one["at_once"]) for one in listed] == [(2, True, True), (1, False, True)]
    found = (await api.get(f"{path}/versions/1/diff/2", headers=headers)).json()
    assert "+The relief valve of the boiler opens at 8 bar." in found["unified"].splitlines()
    body = {"question": QUESTION, "as_of": moment}
    past = (await api.post("/api/v1/chat", json=body, headers=headers)).json()
    assert "6 bar" in past["content"]
    assert (datetime.fromisoformat(past["as_of"]), past["citations"][0]["superseded"]) == (
        datetime.fromisoformat(moment),
        True,
    )
    hits = (await api.get("/api/v1/search", params={"q": QUESTION, "as_of": moment}, headers=headers)).json()
    assert {hit["version_number"] for hit in hits} == {1}
    for wrong in ("2999-01-01T00:00:00Z", "2020-01-01T00:00:00", "yesterday"):
        for answer_ in (
            await api.get("/api/v1/search", params={"q": QUESTION, "as_of": wrong}, headers=headers),
            await api.post("/api/v1/chat", json={"question": QUESTION, "as_of": wrong}, headers=headers),
        ):
            assert answer_.status_code == 422, wrong
    done = (await api.post(f"{path}/versions/1/restore", headers=headers)).json()
    assert (done["version"]["answers"], done["receipt"]) == (True, None)
    again = await api.post(f"{path}/versions/1/restore", headers=headers)
    assert (again.status_code, again.json()["next_step"]) == (409, "Choose another one.")
    document = (await api.get(path, headers=headers)).json()
    assert (document["version_number"], document["similar"]) == (1, [])
