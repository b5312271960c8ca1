"""Does a file that comes in piece by piece arrive whole and once, whatever breaks in between?"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from config.product import IngestionSettings
from core.errors import ConflictError, NotFoundError, QuotaError
from core.identity import Role
from core.states import TaskStatus
from services.bootstrap import Services
from services.uploads.resumable import MOST_OPEN
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department, make_department
from tests.integration.test_gateway import api as api  # the fixture
from tests.integration.test_gateway import sign_in

TEXT = b"# Valves\n\nThe relief valve opens at 6 bar.\n" * 40
QUESTION = "At how many bar does the relief valve open?"
PIECE = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}


def announcing(size: int, **metadata: str) -> dict[str, str]:
    said = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
    return {"Upload-Length": str(size), "Upload-Metadata": said, "Tus-Resumable": "1.0.0"}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken(part: bytes) -> AsyncIterator[bytes]:
    yield part
    raise ConnectionResetError


async def test_pieces_over_http_become_a_document_that_answers(
    api: httpx.AsyncClient, department: Department, worker: Worker
) -> None:
    headers = await sign_in(api, department)
    able = await api.options("/api/v1/uploads", headers=headers)
    assert (able.status_code, able.headers["Tus-Version"], able.headers["Tus-Max-Size"]) == (204, "1.0.0", "50000000")
    begun = await api.post("/api/v1/uploads", headers={**headers, **announcing(len(TEXT), filename="válvula 1.md")})
    assert begun.status_code == 201
    place = begun.headers["Location"]
    for start in range(0, len(TEXT), 500):
        there = await api.head(place, headers=headers)
        assert (there.headers["Upload-Offset"], there.headers["Upload-Length"]) == (str(start), str(len(TEXT)))
        assert there.headers["Cache-Control"] == "no-store"
        answer = await api.patch(
            place, content=TEXT[start : start + 500], headers={**headers, **PIECE, "Upload-Offset": str(start)}
        )
        assert answer.status_code == 204, answer.text
    task = answer.headers["Content-Location"]
    state = (await api.get(place, headers=headers)).json()
    assert (state["offset"], state["filename"]) == (len(TEXT), "válvula 1.md")
    assert task == f"/api/v1/tasks/{state['receipt']['task_id']}"
    await worker.dispatcher.begin(department.principal.organization_id, UUID(state["receipt"]["task_id"]))
    await worker.dispatcher.drain()
    receipt = (await api.get(task, headers=headers)).json()
    assert (receipt["status"], receipt["size_bytes"]) == ("completed", len(TEXT))
    assert (await department.services.search.search(department.principal, QUESTION))[0].filename == "válvula 1.md"
    assert (await api.delete(place, headers=headers)).status_code == 204
    assert (await api.get(place, headers=headers)).status_code == 404
    assert (await api.get(task, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (announcing(60_000_000, filename="a.md"), 413),
        (announcing(0, filename="a.md"), 422),
        (announcing(-5, filename="a.md"), 422),
        (announcing(10), 422),
        (announcing(10, filename="a.md", collection_id="none"), 422),
        ({"Upload-Length": "10", "Upload-Metadata": "filename %%%"}, 422),
        ({"Upload-Length": "ten"}, 422),
        ({**announcing(10, filename="a.md"), "Tus-Resumable": "0.2.2"}, 422),
    ],
)
async def test_what_cannot_be_taken_is_refused_before_a_byte_was_sent(
    api: httpx.AsyncClient, department: Department, headers: dict[str, str], status: int
) -> None:
    answer = await api.post("/api/v1/uploads", headers={**await sign_in(api, department), **headers})
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_what_came_before_the_line_broke_stays_and_the_next_piece_goes_on_behind_it(
    department: Department,
) -> None:
    uploads, me = department.services.uploads, department.principal
    view = await uploads.begin(me, filename="valves.md", size_bytes=len(TEXT))
    with pytest.raises(ConnectionResetError):
        await uploads.append(me, view.id, 0, broken(TEXT[:300]), client=CLIENT)
    assert (await uploads.state(me, view.id)).offset == 300
    with pytest.raises(ConflictError, match="300 bytes are there"):
        await uploads.append(me, view.id, 0, pieces(TEXT), client=CLIENT)
    done = await uploads.append(me, view.id, 300, pieces(TEXT[300:500], TEXT[500:]), client=CLIENT)
    assert done.receipt is not None
    assert (done.offset, done.receipt.size_bytes) == (len(TEXT), len(TEXT))
    # Whoever did not hear the answer asks again, and no second document comes of it.
    again = await uploads.append(me, view.id, len(TEXT), pieces(), client=CLIENT)
    assert again.receipt is not None
    assert again.receipt.task_id == done.receipt.task_id
    assert (await department.services.documents.list_page(me)).total == 1


async def test_a_gateway_that_died_before_it_noted_the_end_hands_in_nothing_twice(
    department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, me = department.services.uploads, department.principal
    view = await uploads.begin(me, filename="valves.md", size_bytes=len(TEXT))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("services.uploads.resumable._write_note", dies)
        with pytest.raises(KeyboardInterrupt):
            await uploads.append(me, view.id, 0, pieces(TEXT), client=CLIENT)
    assert (await uploads.state(me, view.id)).offset == len(TEXT)
    done = await uploads.append(me, view.id, len(TEXT), pieces(), client=CLIENT)
    assert done.receipt is not None
    assert (done.receipt.unchanged, done.receipt.status) == (True, TaskStatus.QUEUED)
    assert (await department.services.documents.list_page(me)).total == 1


async def test_more_than_was_announced_is_refused_and_what_was_there_stays(department: Department) -> None:
    uploads, me = department.services.uploads, department.principal
    view = await uploads.begin(me, filename="valves.md", size_bytes=100)
    await uploads.append(me, view.id, 0, pieces(TEXT[:60]), client=CLIENT)
    with pytest.raises(Exception, match="more than the 100 bytes"):
        await uploads.append(me, view.id, 60, pieces(TEXT[60:90], TEXT[90:400]), client=CLIENT)
    assert (await uploads.state(me, view.id)).offset == 60


async def test_two_connections_do_not_write_one_upload(department: Department) -> None:
    uploads, me = department.services.uploads, department.principal
    view = await uploads.begin(me, filename="valves.md", size_bytes=len(TEXT))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield TEXT[:100]
        begun.set()
        await go_on.wait()

    first = asyncio.create_task(uploads.append(me, view.id, 0, slowly(), client=CLIENT))
    await begun.wait()
    with pytest.raises(ConflictError, match="Another connection"):
        await uploads.append(me, view.id, 100, pieces(TEXT[100:]), client=CLIENT)
    go_on.set()
    assert (await first).offset == 100


async def test_nobody_else_sees_an_upload_and_a_reader_begins_none(services: Services, department: Department) -> None:
    uploads, me = services.uploads, department.principal
    view = await uploads.begin(me, filename="valves.md", size_bytes=100)
    other = await make_department(services, "beta")
    colleague = replace(me, user_id=UUID(int=7))
    for stranger in (other.principal, colleague):
        with pytest.raises(NotFoundError):
            await uploads.state(stranger, view.id)
        with pytest.raises(NotFoundError):
            await uploads.append(stranger, view.id, 0, pieces(b"x"), client=CLIENT)
        with pytest.raises(NotFoundError):
            await uploads.give_up(stranger, view.id)
    await department.upload("shared.md", b"For everybody.")
    (shared,) = await services.documents.list_collections(me)
    with pytest.raises(Exception, match="role"):
        await uploads.begin(replace(me, role=Role.VIEWER), filename="a.md", size_bytes=1, collection_id=shared.id)


async def test_a_file_of_a_type_nobody_reads_is_refused_at_its_end_and_nothing_is_kept(department: Department) -> None:
    uploads, me = department.services.uploads, department.principal
    view = await uploads.begin(me, filename="program.exe", size_bytes=4)
    with pytest.raises(Exception, match=r"\."):
        await uploads.append(me, view.id, 0, pieces(b"MZ\x00\x01"), client=CLIENT)
    with pytest.raises(NotFoundError):
        await uploads.state(me, view.id)
    assert await department.services.blobs.count(me.organization_id) == 0


async def test_unfinished_uploads_are_bounded_and_expire(department: Department) -> None:
    uploads, me = department.services.uploads, department.principal
    for _ in range(MOST_OPEN):
        await uploads.begin(me, filename="valves.md", size_bytes=100)
    with pytest.raises(QuotaError):
        await uploads.begin(me, filename="valves.md", size_bytes=100)
    assert await department.services.blobs.remove_unfinished(older_than_s=-1) == 2 * MOST_OPEN
    assert await department.services.blobs.count(me.organization_id) == 0
    await uploads.begin(me, filename="valves.md", size_bytes=100)


@pytest.mark.sees("ingestion.max_queued")
async def test_uploads_are_put_off_while_too_many_documents_wait(
    api: httpx.AsyncClient, department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(department.services.ingestion, "_settings", IngestionSettings(max_queued=2))
    headers = await sign_in(api, department)
    for number in range(2):
        await department.upload(f"note-{number}.md", TEXT + b"%d" % number)
    answer = await api.post("/api/v1/documents", files={"file": ("third.md", TEXT)}, headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "2 documents of your organisation wait" in answer.json()["detail"]
    assert "max_queued" in answer.json()["next_step"]
    assert await department.services.blobs.count(department.principal.organization_id) == 2
