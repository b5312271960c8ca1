"""Do people go with what is theirs alone?"""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core.errors import AuthenticationError, AuthorizationError, ConflictError, NotFoundError
from core.identity import Role
from db.models import Chat
from services.bootstrap import Services
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, PASSWORD, Department
from tests.support.cellar import Cellar, add_collection, add_person


async def test_a_person_goes_with_conversations_and_credentials_while_documents_stay(
    department: Department, worker: Worker, services: Services, cellar: Cellar
) -> None:
    editor = await add_person(department, "eve", Role.EDITOR)
    tokens = await services.accounts.sign_in(editor.email, PASSWORD, client=CLIENT)
    theirs = Department(services, department.user, editor)
    receipt = await theirs.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    run = await services.answering.ask(editor, "At how many bar does the valve open?")
    async for _ in run.events():
        pass
    view = await services.removal.delete_user(department.principal, editor.user_id, client=CLIENT)
    assert view.completed_at is not None
    assert {"users": 1, "chats": 1}.items() <= view.removed.items()
    assert await cellar.scan_again(view.id) == {}
    with pytest.raises(AuthenticationError):
        await services.accounts.principal_from_token(tokens.access_token)
    with pytest.raises(AuthenticationError):
        await services.accounts.refresh(tokens.refresh_token)
    document = await services.documents.get(department.principal, receipt.document_id)
    assert document.uploaded_by == ""
    (hit,) = await services.search.search(department.principal, "At how many bar does the valve open?")
    assert hit.document_id == receipt.document_id
    async with services.database.transaction(department.principal.organization_id) as session:
        assert await session.scalar(select(func.count(Chat.id))) == 0
    again = await add_person(department, "eve", Role.VIEWER)
    assert again.user_id != editor.user_id


async def test_a_person_goes_with_their_documents_when_asked(
    department: Department, worker: Worker, services: Services, cellar: Cellar
) -> None:
    editor = await add_person(department, "eve", Role.EDITOR)
    kept = await department.read(worker, "kept.txt", b"The gauge reads 9 bar.")
    receipt = await Department(services, department.user, editor).read(worker, "valves.txt", b"It opens at 6 bar.")
    view = await services.removal.delete_user(department.principal, editor.user_id, with_documents=True, client=CLIENT)
    assert {"users": 1, "documents": 1, "files": 1}.items() <= view.removed.items()
    assert await cellar.scan_again(view.id) == {}
    with pytest.raises(NotFoundError):
        await services.documents.get(department.principal, receipt.document_id)
    assert (await services.documents.get(department.principal, kept.document_id)).uploaded_by == department.user.email


async def test_the_last_administrator_stays_and_editors_delete_neither_people_nor_collections(
    department: Department, services: Services
) -> None:
    with pytest.raises(ConflictError):
        await services.removal.delete_user(department.principal, department.user.id, client=CLIENT)
    assert (await services.accounts.me(department.principal)).is_active
    editor = await add_person(department, "eve", Role.EDITOR)
    collection = await add_collection(department, "Reports")
    with pytest.raises(AuthorizationError):
        await services.removal.delete_collection(editor, collection, client=CLIENT)
    with pytest.raises(AuthorizationError):
        await services.removal.delete_user(editor, department.user.id, client=CLIENT)
    assert await services.removal.receipts(department.principal) == ()
