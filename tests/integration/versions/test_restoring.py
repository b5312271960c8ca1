"""Does an earlier version answer again at once?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from core.errors import AuthorizationError, ConflictError, NotFoundError
from core.identity import Role
from db.models import AuditLog, DocumentVersion, Task
from services.search_index.term_statistics import Statistics, TermCounts
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department
from tests.support.versions import NEW, OLD, restore, statistics


async def test_a_restore_embeds_nothing_and_is_audited(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)
    organization_id = department.principal.organization_id
    async with department.services.database.transaction(organization_id) as session:
        tasks = await session.scalar(select(func.count(Task.id)))
    await restore(department, receipt, 1)
    view = await department.services.documents.get(department.principal, receipt.document_id)
    assert (view.version_number, view.size_bytes) == (1, len(OLD))
    async with department.services.database.transaction(organization_id) as session:
        assert await session.scalar(select(func.count(Task.id))) == tasks
        changes = list(await session.scalars(select(AuditLog.changes).order_by(AuditLog.timestamp.desc()).limit(1)))
    assert changes[0]["after"] == {"active_version_id": str(view.version_id), "restored": 1}


async def test_versions_read_before_their_counts_were_kept_are_counted_again(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW + b"\nIt is checked in May.\n")
    counted = await statistics(department)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(update(DocumentVersion).values(term_counts=None))
    await restore(department, receipt, 1)
    assert await statistics(department) != counted
    await restore(department, receipt, 2)
    assert await statistics(department) == counted


@pytest.mark.timeout(120)  # chunk by chunk it would take longer
async def test_a_long_document_is_put_back_at_once(department: Department, worker: Worker) -> None:
    """The counts of a book (3,300 chunks, 20,000 words) stand in for one: embedding it is not what is tested."""
    await department.read(worker, "book.md", OLD)
    receipt = await department.read(worker, "book.md", NEW)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        for version in await session.scalars(select(DocumentVersion)):
            first = 10_000 * version.number  # half of the words of each are those of the other
            chunks = [TermCounts(Counter(range(first + n, first + n + 200)), 200) for n in range(0, 19_800, 6)]
            version.term_counts = Statistics.of(chunks).packed()
    await restore(department, receipt, 1)
    await restore(department, receipt, 2)


async def test_what_cannot_be_restored_is_said_with_the_next_step(department: Department, worker: Worker) -> None:
    first = await department.read(worker, "valves.md", OLD)
    versions, me = department.services.versions, department.principal
    with pytest.raises(ConflictError, match="answers already"):
        await versions.restore(me, first.document_id, 1, client=CLIENT)
    with pytest.raises(NotFoundError, match="no version 7"):
        await versions.restore(me, first.document_id, 7, client=CLIENT)
    with pytest.raises(NotFoundError):
        await versions.restore(me, uuid4(), 1, client=CLIENT)
    await department.read(worker, "valves.md", NEW)
    await department.upload("valves.md", NEW + b"\nMore.\n")
    with pytest.raises(ConflictError, match="being read right now"):
        await versions.restore(me, first.document_id, 1, client=CLIENT)
    viewer = replace(me, user_id=uuid4(), role=Role.VIEWER)
    assert len(await versions.list_all(viewer, first.document_id)) == 3
    with pytest.raises(AuthorizationError):
        await versions.restore(viewer, first.document_id, 1, client=CLIENT)
