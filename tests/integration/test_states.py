"""Does the database know the same words as the enums, and are they enums when they come back?"""

from __future__ import annotations

import re
from enum import StrEnum

import psycopg
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from core.states import DeletionSubject, DocumentStatus, IngestionStage, MessageRole, TaskStatus, TaskType
from db.models import Document, Task
from tests.fixtures.application import Department
from tests.fixtures.postgres import PostgresServer


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("ck_documents_status", DocumentStatus),
        ("ck_tasks_status", TaskStatus),
        ("ck_messages_role", MessageRole),
        ("ck_deletion_receipts_subject", DeletionSubject),
    ],
)
def test_a_constraint_admits_the_words_of_its_enum(
    postgres_server: PostgresServer, migrated_database: str, constraint: str, words: type[StrEnum]
) -> None:
    with psycopg.connect(postgres_server.url(migrated_database)) as connection:
        statement = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
        row = connection.execute(statement, [constraint]).fetchone()
    assert row is not None
    assert set(re.findall(r"'(\w+)'::", row[0])) == set(words)


async def test_states_come_back_as_members_and_another_word_is_refused(department: Department) -> None:
    await department.upload("valves.txt", b"The valve opens at 6 bar.")
    async with department.services.database.transaction(department.principal.organization_id) as session:
        task = (await session.scalars(select(Task).where(Task.is_under_way))).one()
        document = await session.get_one(Document, task.document_id)
        assert (task.status, task.stage, task.task_type) == (
            TaskStatus.QUEUED,
            IngestionStage.RECEIVED,
            TaskType.INGEST,
        )
        assert isinstance(task.status, TaskStatus)
        assert document.status is DocumentStatus.PENDING
        assert (task.is_under_way, document.answers) == (True, False)
        await session.execute(update(Task).values(status=TaskStatus.COMPLETED))
        assert (await session.scalars(select(Task).where(Task.is_under_way))).all() == []
        with pytest.raises(StatementError, match="'ready' is not a valid TaskStatus"):
            await session.execute(update(Task).values(status="ready"))
