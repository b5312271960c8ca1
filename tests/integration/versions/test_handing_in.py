"""Which version does a file become, and is its like pointed out?"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.errors import NotFoundError
from core.identity import Role
from db.models import Collection
from services.uploads import near_duplicates
from services.worker.container import Worker
from tests.fixtures.application import Department
from tests.fixtures.postgres import PostgresServer
from tests.support.versions import LONG, NEW, OLD, answer, finish, hand_in


async def test_a_file_of_any_name_becomes_a_version_of_the_document_a_person_chose(
    department: Department, worker: Worker
) -> None:
    first = await department.read(worker, "valves.md", OLD)
    second = await hand_in(department, "valves (final).md", NEW, first.document_id)
    done = await finish(department, worker, second)
    assert (done.document_id, done.version_number, done.filename) == (first.document_id, 2, "valves (final).md")
    view = await department.services.documents.get(department.principal, first.document_id)
    assert (view.filename, view.version_number) == ("valves.md", 2)
    assert "8 bar" in await answer(department)
    with pytest.raises(NotFoundError):
        await hand_in(department, "valves.md", NEW + b"x", uuid4())


async def test_content_of_an_earlier_version_answers_again_and_is_not_stored_twice(
    department: Department, worker: Worker
) -> None:
    first = await department.read(worker, "valves.md", OLD)
    await department.read(worker, "valves.md", NEW)
    again = await department.upload("valves.md", OLD)
    assert (again.version_id, again.unchanged) == (first.version_id, False)
    assert "Version 1 has this content already" in again.note
    assert (await department.upload("valves.md", OLD)).unchanged
    assert (await finish(department, worker, again)).version_number == 1
    assert "6 bar" in await answer(department)
    assert (await department.upload("valves.md", OLD)).unchanged
    assert len(await department.services.versions.list_all(department.principal, first.document_id)) == 2


async def test_the_same_content_elsewhere_is_pointed_out_to_who_may_see_it(
    department: Department, worker: Worker
) -> None:
    services, me, closed = department.services, department.principal, uuid4()
    async with services.database.transaction(me.organization_id) as session:
        session.add(Collection(id=closed, organization_id=me.organization_id, name="Board", is_open=False))
    secret = await department.upload("secret.md", LONG, collection_id=closed)
    await finish(department, worker, secret)
    receipt = await department.upload("copy.md", LONG)
    assert [(one.filename, one.identical, one.similarity) for one in receipt.similar] == [("secret.md", True, 1.0)]
    await finish(department, worker, receipt)
    editor = replace(me, role=Role.EDITOR)
    assert (await services.tasks.receipt(editor, receipt.task_id)).similar == ()
    assert (await services.documents.get(editor, receipt.document_id)).similar == ()
    third = await replace(department, principal=editor).upload("third.md", LONG)
    assert [one.filename for one in third.similar] == ["copy.md"]


async def test_near_duplicates_are_pointed_out_and_others_are_not(department: Department, worker: Worker) -> None:
    await department.read(worker, "long.md", LONG)
    other = " ".join(f"Nothing {number} of this {number * 7} was {number * 3} written." for number in range(60))
    receipt = await department.read(worker, "other.md", other.encode())
    assert receipt.similar == ()
    receipt = await department.read(worker, "again.md", LONG.replace(b"step 40 ", b"stage 40 "))
    (near,) = receipt.similar
    assert (near.filename, near.identical) == ("long.md", False)
    assert near.similarity >= near_duplicates.LEAST
    view = await department.services.documents.get(department.principal, receipt.document_id)
    assert view.similar == (near,)


async def test_near_duplicates_are_looked_up_in_an_index(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str
) -> None:
    await department.read(worker, "long.md", LONG)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text("EXPLAIN SELECT version_id FROM version_bands WHERE band = ANY(ARRAY[1, 2, 3]::bigint[])")
        )
        # As the role that policies bind: an operator that could leak would not be let into the index.
        assert "ix_version_bands_organization_id_band" in "\n".join(plan)
