"""What happens in the first moment of a deletion?

One transaction: nothing of it answers any more, work in hand loses its lease, statistics are put right, and a receipt
says what is still to be removed and when. The rest is ``services.deletion.purge``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, any_, delete, func, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFoundError
from core.states import DeletionSubject, IngestionStage, TaskStatus
from db.models import (
    ApiKey,
    Collection,
    DeletionReceipt,
    Document,
    DocumentChunk,
    DocumentVersion,
    Grant,
    Organization,
    Session,
    Task,
    User,
)
from db.repositories.documents import with_parts
from db.repositories.lexical import LexicalRepository
from services.deletion.inventory import DataInventory, holding, id_array, of_documents, of_organization
from services.deletion.receipts import Order, open_receipt
from services.search_index.chunks import statistics_of
from services.search_index.term_statistics import NOTHING


async def soft_delete_document(session: AsyncSession, order: Order, document_id: UUID) -> UUID:
    """Close one document, and those that lay in its file. Returns its receipt, as the others do."""
    await _alone(session, order)
    documents = await _with_parts(session, [document_id])
    ends_at = await _soft_delete_documents(session, order, documents)
    traces = await of_documents(session, documents, of_one=DataInventory())
    return (await open_receipt(session, order, (DeletionSubject.DOCUMENT, document_id), traces, ends_at)).id


async def soft_delete_collection(session: AsyncSession, order: Order, collection_id: UUID) -> UUID:
    """Close a collection and every document in it."""
    await _alone(session, order)
    collection = await session.get_one(Collection, collection_id, with_for_update=True)
    collection.is_deleted, collection.name = True, f"deleted-{collection_id}"
    await session.execute(delete(Grant).where(Grant.collection_id == collection_id))
    documents = list(await session.scalars(select(Document.id).where(Document.collection_id == collection_id)))
    ends_at = await _soft_delete_documents(session, order, documents)
    traces = await of_documents(session, documents, of_one=DataInventory(collections=(collection_id,)))
    return (await open_receipt(session, order, (DeletionSubject.COLLECTION, collection_id), traces, ends_at)).id


async def soft_delete_user(session: AsyncSession, order: Order, user_id: UUID, *, with_documents: bool) -> UUID:
    """Close an account; no credential of it works from here on.

    What it handed in for everybody stays, and belongs to nobody, or goes too; its own files go.
    """
    await _alone(session, order)
    user = await session.get_one(User, user_id, with_for_update=True)
    user.is_deleted, user.is_active, user.hashed_password = True, False, None
    user.email = f"deleted-{user_id}@deleted.invalid"
    user.preferences = {}
    for table in (Session, ApiKey):
        await session.execute(delete(table).where(table.user_id == user_id))
    own = list(await session.scalars(select(Collection.id).where(Collection.user_id == user_id)))
    theirs: ColumnElement[bool] = Document.collection_id.in_(own)
    if with_documents:
        theirs |= Document.user_id == user_id
    documents = await _with_parts(session, list(await session.scalars(select(Document.id).where(theirs))))
    ends_at = await _soft_delete_documents(session, order, documents)
    traces = await of_documents(session, documents, of_one=DataInventory(collections=tuple(own), users=(user_id,)))
    await session.execute(update(Collection).where(Collection.id.in_(own)).values(is_deleted=True))
    await session.execute(update(Document).where(Document.user_id == user_id, ~theirs).values(user_id=None))
    await session.execute(update(Task).where(Task.user_id == user_id).values(user_id=None))
    return (await open_receipt(session, order, (DeletionSubject.USER, user_id), traces, ends_at)).id


async def soft_delete_version(session: AsyncSession, order: Order, version: DocumentVersion) -> UUID | None:
    """Give up a version that no longer answers; None when it answers or is being read. The document stays."""
    document = await session.get_one(Document, version.document_id, with_for_update=True)
    busy = select(Task.id).where(Task.version_id == version.id, Task.is_under_way).limit(1)
    if document.active_version_id == version.id or await session.scalar(busy) is not None:
        return None
    tasks = await session.scalars(select(Task.id).where(Task.version_id == version.id))
    chunks = select(func.count(DocumentChunk.id)).where(DocumentChunk.version_id == version.id)
    found = {"document_versions": 1, "document_chunks": await session.scalar(chunks) or 0}
    traces = DataInventory(
        versions=(version.id,),
        tasks=tuple(tasks),
        parents=(version.document_id,),
        indexes=await holding(session, [version.id]),
        files=(version.file_path,),
    )
    receipt = await open_receipt(session, order, (DeletionSubject.VERSION, version.id), traces, None, found)
    # At once, or somebody could still let it answer again.
    await session.execute(delete(DocumentVersion).where(DocumentVersion.id == version.id))
    return receipt.id


async def soft_delete_organization(session: AsyncSession, order: Order) -> DeletionReceipt:
    """Close an organisation with everything in it; takes a session that sees it.

    Closed before, it is closed no further: whoever asks again is given the receipt that is open.

    Raises:
        NotFoundError: There is no such organisation.
    """
    mine = order.organization_id
    pending = select(DeletionReceipt).where(DeletionReceipt.subject_id == mine, DeletionReceipt.completed_at.is_(None))
    organization = await session.get(Organization, mine, with_for_update=True)
    if (receipt := await session.scalar(pending.limit(1))) is not None:
        return receipt
    if organization is None:
        raise NotFoundError("There is no such organisation.", next_step="See: foundry organization list")
    organization.is_deleted = True
    ends_at = await _end_tasks(session, Task.organization_id == mine)
    # Statistics are not put right: they go too.
    await session.execute(
        update(Document).where(Document.organization_id == mine).values(is_deleted=True, active_version_id=None)
    )
    await session.execute(delete(Session).where(Session.organization_id == mine))
    inventory = await of_organization(session, mine)
    return await open_receipt(session, order, (DeletionSubject.ORGANIZATION, mine), inventory, ends_at)


async def _alone(session: AsyncSession, order: Order) -> None:
    """Uploads hold the organisation's row too: none slips in between."""
    await session.get(Organization, order.organization_id, with_for_update=True)


async def _with_parts(session: AsyncSession, documents: Sequence[UUID]) -> list[UUID]:
    return list(await session.scalars(with_parts(Document.id == any_(id_array(documents)))))


async def _soft_delete_documents(session: AsyncSession, order: Order, documents: Sequence[UUID]) -> datetime | None:
    """They answer nobody any more. Returns until when somebody may still hold a lease on one."""
    theirs = Task.document_id == any_(id_array(documents))
    # Task before document, as a worker locks them that switches; and again, for what was queued in between.
    ends_at = await _end_tasks(session, theirs)
    living = (
        select(Document)
        .where(
            Document.organization_id == order.organization_id,
            Document.id == any_(id_array(documents)),
            ~Document.is_deleted,
        )
        .order_by(Document.id)
        .with_for_update()
    )
    gone = NOTHING
    for document in await session.scalars(living):
        gone = gone.plus(await statistics_of(session, document.active_version_id))
        document.is_deleted, document.active_version_id = True, None
        document.filename, document.meta = f"deleted-{document.id}", {}
    if gone.chunks:
        await LexicalRepository(session).add(
            order.organization_id, gone.term_chunks, chunks=gone.chunks, terms=gone.terms, sign=-1
        )
    later = await _end_tasks(session, theirs)
    return max(filter(None, (ends_at, later)), default=None)


async def _end_tasks(session: AsyncSession, theirs: ColumnElement[bool]) -> datetime | None:
    """No worker goes on with them. Returns until when one may still believe so."""
    under_way = theirs & Task.is_under_way
    # Locked, or a worker could take one up between this look and the next statement.
    # The difference by the clock that wrote the lease, which may be another than ours.
    left = type_coerce(Task.lease_until - func.now(), Interval)
    leases = await session.scalars(select(left).where(under_way).order_by(Task.id).with_for_update())
    longest = max(filter(None, leases), default=None)
    await session.execute(
        update(Task)
        .where(under_way)
        .values(
            status=TaskStatus.FAILED,
            stage=IngestionStage.FAILED,
            failure_code="deleted",
            attempts=Task.attempts + 1,
            completed_at=func.now(),
            lease_until=None,
        )
    )
    return datetime.now(UTC) + longest if longest is not None else None
