"""Do thumbs and comments reach the administrators of the organisation, and nobody else?"""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import func, select

from core.errors import AuthorizationError, ValidationError
from core.identity import Principal, Role
from db.models import AuditLog
from services.bootstrap import Services
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department


async def _rated(department: Department, question: str, value: int, comment: str = "", *, by: Principal) -> UUID:
    run = await department.services.answering.ask(by, question)
    await run.wait()
    _, answer = await department.services.chats.messages(by, run.chat_id)
    await department.services.chats.feedback(by, answer.id, value, comment)
    return run.chat_id


async def _reader(department: Department) -> Principal:
    user = await department.services.accounts.create_user(
        department.principal, email="vera@alpha.example", password=PASSWORD, role=Role.VIEWER, client=CLIENT
    )
    return Principal(user.id, department.principal.organization_id, Role.VIEWER, user.email)


async def test_administrators_read_what_was_rated_newest_first_page_by_page(department: Department) -> None:
    feedback, admin, reader = department.services.feedback, department.principal, await _reader(department)
    await _rated(department, "How long are refunds?", -1, "Wrong page.", by=reader)
    await _rated(department, "Who pays?", 1, by=reader)
    gone = await _rated(department, "What is deleted?", 1, by=reader)
    await department.services.chats.delete(reader, gone)
    first = await feedback.list_page(admin, limit=1, client=CLIENT)
    assert [(one.question, one.value, one.comment) for one in first.items] == [("Who pays?", 1, "")]
    second = await feedback.list_page(admin, limit=1, cursor=first.next_cursor, client=CLIENT)
    assert [(one.question, one.value, one.comment) for one in second.items] == [
        ("How long are refunds?", -1, "Wrong page.")
    ]
    assert second.next_cursor is None
    bad = await feedback.list_page(admin, value=-1, client=CLIENT)
    assert [one.question for one in bad.items] == ["How long are refunds?"]
    with pytest.raises(ValidationError, match="cursor"):
        await feedback.list_page(admin, cursor="none", client=CLIENT)


async def test_nobody_else_reads_it_and_reading_is_in_the_audit_log(department: Department, services: Services) -> None:
    reader = await _reader(department)
    await _rated(department, "How long are refunds?", -1, by=reader)
    with pytest.raises(AuthorizationError):
        await services.feedback.list_page(reader, client=CLIENT)
    other = await make_department(services, "beta")
    assert (await services.feedback.list_page(other.principal, client=CLIENT)).items == ()
    assert len((await services.feedback.list_page(department.principal, client=CLIENT)).items) == 1
    async with services.database.transaction(department.principal.organization_id) as session:
        looks = select(func.count(AuditLog.id)).where(
            AuditLog.resource_type == "feedback", AuditLog.user_id == department.principal.user_id
        )
        assert await session.scalar(looks) == 1
