"""Which text may reach which models? Administrators of an organisation decide."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from core.errors import ValidationError
from core.identity import Principal, Role, Scope
from core.types import DataClass, JsonValue
from db.models import Collection, Organization
from db.repositories.documents import DocumentRepository
from db.unit_of_work import Database
from services.audit import ClientInfo, record

ALLOWED_MODELS = "allowed_models"
MAX_GLOBS, MAX_GLOB = 100, 200


class DataPolicyService:
    """Allowed models of an organisation, data classes of its collections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def allowed_models(self, principal: Principal) -> tuple[str, ...]:
        """Globs of the models the principal's organisation allows; empty means all."""
        async with self._database.transaction(principal.organization_id) as session:
            settings = await session.scalar(
                select(Organization.settings).where(Organization.id == principal.organization_id)
            )
        return _globs(settings)

    async def allow_models(
        self, principal: Principal, models: tuple[str, ...], *, client: ClientInfo
    ) -> tuple[str, ...]:
        """Allow only models whose names match one of the globs; none given allows all again.

        Raises:
            AuthorizationError: The principal is no administrator.
            ValidationError: Too many globs, or an empty or overlong one.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        cleaned = tuple(dict.fromkeys(model.strip() for model in models))
        if len(cleaned) > MAX_GLOBS or any(not 0 < len(glob) <= MAX_GLOB or "\x00" in glob for glob in cleaned):
            raise ValidationError(f"At most {MAX_GLOBS} names or patterns, each of 1 to {MAX_GLOB} characters.")
        async with self._database.transaction(principal.organization_id) as session:
            organization = await session.get_one(Organization, principal.organization_id, with_for_update=True)
            before = _globs(organization.settings)
            organization.settings = {**organization.settings, ALLOWED_MODELS: list(cleaned)}
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="updated",
                resource_type="organization",
                resource_id=principal.organization_id,
                client=client,
                before={ALLOWED_MODELS: list(before)},
                after={ALLOWED_MODELS: list(cleaned)},
            )
        return cleaned

    async def classify(
        self, principal: Principal, collection_id: UUID, data_class: DataClass, *, client: ClientInfo
    ) -> None:
        """Say how far the text of a collection may travel; holds from the next question on.

        Raises:
            AuthorizationError: The principal is no administrator.
            NotFoundError: There is no such collection.
        """
        principal.require(Role.ADMIN, Scope.ADMIN)
        async with self._database.transaction(principal.organization_id) as session:
            await DocumentRepository(session).get_collection(collection_id, principal=principal)
            collection = await session.get_one(Collection, collection_id, with_for_update=True)
            before, collection.data_class = collection.data_class, data_class.value
            record(
                session,
                organization_id=principal.organization_id,
                user_id=principal.user_id,
                action="updated",
                resource_type="collection",
                resource_id=collection_id,
                client=client,
                before={"data_class": before},
                after={"data_class": data_class.value},
            )


def _globs(settings: dict[str, JsonValue] | None) -> tuple[str, ...]:
    found = (settings or {}).get(ALLOWED_MODELS)
    return tuple(str(glob) for glob in found) if isinstance(found, list) else ()
