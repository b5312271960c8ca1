"""What may somebody hand in who only asks?

Files of his own: a collection that nobody else reads, administrators included, made with the first file. Editors write
into what is shared; everybody writes into his own.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import AuthorizationError, QuotaError
from core.identity import Principal, Role, Scope
from db.models import Collection, Document
from db.repositories.documents import DocumentRepository

OWN_FILES = "Own files"


def may_write(principal: Principal, collection: Collection) -> bool:
    """Whether the principal may change what lies in a readable collection."""
    try:
        require_writer(principal, collection)
    except AuthorizationError:
        return False
    return True


def require_writer(principal: Principal, collection: Collection) -> None:
    """Pass who may change what lies in a readable collection.

    Raises:
        AuthorizationError: It is shared, and the principal is no editor.
    """
    principal.require(Role.VIEWER if collection.user_id == principal.user_id else Role.EDITOR, Scope.WRITE)


async def require_document_writer(session: AsyncSession, principal: Principal, document: Document) -> None:
    """The same for a readable document."""
    require_writer(principal, await session.get_one(Collection, document.collection_id))


async def own_collection(session: AsyncSession, principal: Principal) -> Collection:
    """The principal's own; made now if there is none. The caller holds the organisation's row."""
    found = await DocumentRepository(session).own_collection(principal)
    if found is None:
        found = Collection(
            organization_id=principal.organization_id, name=OWN_FILES, is_open=False, user_id=principal.user_id
        )
        session.add(found)
        await session.flush()
    return found


async def require_own_quota(session: AsyncSession, collection: Collection, most: int) -> None:
    """Pass when one more file fits beside those that are there.

    Raises:
        QuotaError: The person has as many as he may.
    """
    living = select(func.count(Document.id)).where(
        Document.collection_id == collection.id, Document.parent_document_id.is_(None), ~Document.is_deleted
    )
    if (await session.scalar(living) or 0) >= most:
        raise QuotaError(
            f"You may have {most} file{'s' if most != 1 else ''} of your own, and do.",
            next_step="Remove one, or ask an editor to hand it in for everybody; the operator can raise "
            "ingestion.max_own_files under Settings.",
        )
