"""Who may delete what of their organisation, and which receipts are there?"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ConflictError, ValidationError
from core.identity import Principal, Role, Scope
from core.types import JsonValue
from db.models import Collection, DeletionReceipt
from db.repositories.accounts import AccountRepository
from db.repositories.documents import DocumentRepository
from db.unit_of_work import Database
from services.access import require_document_writer
from services.audit import ClientInfo, record
from services.deletion.inventory import Stores
from services.deletion.purge import Purge
from services.deletion.receipts import Order, view_of
from services.deletion.tombstones import soft_delete_collection, soft_delete_document, soft_delete_user
from services.views.deletion import DeletionView

MAX_RETENTION_DAYS = 36_500


class RemovalService:
    """Documents, collections and people; whole organisations are the operator's, see ``services.operations.tenants``.

    What is deleted stops answering before anything is returned. A receipt without ``completed_at`` is gone on with by
    a worker: somebody was still reading what is gone, or a store is away.
    """

    def __init__(self, database: Database, stores: Stores, *, backup_days: int) -> None:
        self._database = database
        self._purge = Purge(database.transaction, stores, backup_days=backup_days)

    async def delete_document(self, principal: Principal, document_id: UUID, *, client: ClientInfo) -> DeletionView:
        """Delete a document with all its versions and what lay in its file.

        Raises:
            NotFoundError: Absent or not readable.
            AuthorizationError: It is shared, and the principal is no editor.
        """
        async with self._database.transaction(principal.organization_id) as session:
            document = await DocumentRepository(session).get(document_id, principal=principal)
            await require_document_writer(session, principal, document)
            receipt_id = await soft_delete_document(session, _order(principal), document_id)
            _note(session, principal, "document", document_id, client)
        return await self._purge.carry_out(principal.organization_id, receipt_id)

    async def delete_collection(self, principal: Principal, collection_id: UUID, *, client: ClientInfo) -> DeletionView:
        """Delete a collection with its documents; for administrators.

        Raises:
            NotFoundError: Absent or not readable.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        async with self._database.transaction(principal.organization_id) as session:
            await DocumentRepository(session).get_collection(collection_id, principal=principal)
            receipt_id = await soft_delete_collection(session, _order(principal), collection_id)
            _note(session, principal, "collection", collection_id, client)
        return await self._purge.carry_out(principal.organization_id, receipt_id)

    async def delete_user(
        self, principal: Principal, user_id: UUID, *, with_documents: bool = False, client: ClientInfo
    ) -> DeletionView:
        """Delete a person: account, credentials, conversations; for administrators.

        Args:
            with_documents: What they uploaded goes too; otherwise it stays and belongs to nobody.

        Raises:
            NotFoundError: There is no such user.
            ConflictError: They are the last active administrator.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        async with self._database.transaction(principal.organization_id) as session:
            accounts = AccountRepository(session)
            user, _ = await accounts.get_user(user_id)
            principal.require(Role(user.role), Scope.ADMIN)
            receipt_id = await soft_delete_user(session, _order(principal), user_id, with_documents=with_documents)
            await session.flush()
            if not await accounts.count_active_admins():
                raise ConflictError(
                    "This is the last active administrator.", next_step="Make somebody else administrator first."
                )
            _note(session, principal, "user", user_id, client, {"with_documents": with_documents})
        return await self._purge.carry_out(principal.organization_id, receipt_id)

    async def receipts(self, principal: Principal, *, limit: int = 50) -> tuple[DeletionView, ...]:
        """The newest receipts of the organisation; for administrators."""
        principal.require(Role.ADMIN)
        statement = select(DeletionReceipt).where(DeletionReceipt.organization_id == principal.organization_id)
        async with self._database.transaction(principal.organization_id) as session:
            rows = await session.scalars(statement.order_by(DeletionReceipt.created_at.desc()).limit(limit))
            return tuple(view_of(row) for row in rows)

    async def keep_for(
        self, principal: Principal, collection_id: UUID, days: int | None, *, client: ClientInfo
    ) -> None:
        """Say after how many days documents of a collection go, None for never; for administrators.

        Raises:
            NotFoundError: There is no such collection.
            ValidationError: Not between one day and a hundred years.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        if days is not None and not 1 <= days <= MAX_RETENTION_DAYS:
            raise ValidationError(f"retention_days must be between 1 and {MAX_RETENTION_DAYS}, or null for ever.")
        async with self._database.transaction(principal.organization_id) as session:
            collection = await DocumentRepository(session).get_collection(collection_id, principal=principal)
            before = collection.retention_days
            await session.execute(update(Collection).where(Collection.id == collection_id).values(retention_days=days))
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="updated",
                resource_type="collection",
                resource_id=collection_id,
                client=client,
                before={"retention_days": before},
                after={"retention_days": days},
            )


def _order(principal: Principal) -> Order:
    return Order(principal.organization_id, str(principal.user_id))


def _note(
    session: AsyncSession,
    principal: Principal,
    kind: str,
    subject_id: UUID,
    client: ClientInfo,
    after: dict[str, JsonValue] | None = None,
) -> None:
    record(
        session,
        organization_id=principal.organization_id,
        user_id=principal.user_id,
        action="deleted",
        resource_type=kind,
        resource_id=subject_id,
        client=client,
        after=after,
    )
