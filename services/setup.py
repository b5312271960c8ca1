"""Who is the first to come in?"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from config.models import Settings
from core.errors import NotFoundError
from core.identity import EntryPoint, Principal, Role
from core.security import passwords
from db.engine import create_engine
from db.models import Collection, Organization, User
from db.repositories.accounts import AccountRepository
from db.unit_of_work import Database
from services.accounts.accounts import create_sign_in_link
from services.audit import ClientInfo, record
from services.connections import application_address, maintenance_address
from services.operations import tenants
from services.uploads.uploads import DEFAULT_COLLECTION

if TYPE_CHECKING:
    from services.bootstrap import Services

FIRST_ORGANIZATION = "My department"
FIRST_EMAIL = "admin@foundry.example"
FIRST_USERS, FIRST_DOCUMENTS = 1000, 1_000_000
"""The first organisation belongs to whoever runs the installation and is not on the free plan's limits."""


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """What is shown once at the first start."""

    email: str
    password: str
    link_token: str


async def ensure_first_account(settings: Settings) -> FirstAccount | None:
    """Make the first organisation and its administrator; None when there is one already."""
    if await tenants.first_organization(maintenance_address(settings)) is not None:
        return None
    database = Database(create_engine(application_address(settings), pool_size=2))
    try:
        password = f"{secrets.token_urlsafe(15)}-A1"
        user = await create_organization(
            database,
            name=FIRST_ORGANIZATION,
            email=FIRST_EMAIL,
            password=password,
            role=Role.OPERATOR,
            max_users=FIRST_USERS,
            max_documents=FIRST_DOCUMENTS,
        )
        return FirstAccount(FIRST_EMAIL, password, await create_sign_in_link(database, user))
    finally:
        await database.close()


async def create_organization(
    database: Database, *, name: str, email: str, password: str, role: Role, max_users: int, max_documents: int
) -> User:
    """An organisation with one person and an open collection, in one transaction."""
    organization_id = uuid4()
    hashed = await passwords.hash_password(password)
    async with database.transaction(organization_id) as session:
        session.add(
            Organization(
                id=organization_id, name=name, plan="enterprise", max_users=max_users, max_documents=max_documents
            )
        )
        user = User(organization_id=organization_id, email=email, hashed_password=hashed, role=role.value)
        session.add(user)
        session.add(Collection(organization_id=organization_id, name=DEFAULT_COLLECTION))
        await session.flush()
        record(
            session,
            organization_id=organization_id,
            user_id=user.id,
            action="created",
            resource_type="organization",
            resource_id=organization_id,
            client=ClientInfo(),
        )
    return user


async def create_link(settings: Settings, email: str | None = None) -> str:
    """A sign-in link token for a person; without an address, for the first administrator.

    Raises:
        NotFoundError: There is no such person.
    """
    database = Database(create_engine(application_address(settings), pool_size=2))
    try:
        user_id, organization_id = await _find(database, settings, email)
        async with database.transaction(organization_id) as session:
            user, _ = await AccountRepository(session).get_user(user_id)
        return await create_sign_in_link(database, user)
    finally:
        await database.close()


async def local_principal(services: Services, email: str | None = None) -> Principal:
    """The person a command acts for: whoever may read the data folder may act for anybody in it.

    Raises:
        NotFoundError: There is no such person.
    """
    user_id, organization_id = await _find(services.database, services.settings, email)
    async with services.database.transaction(organization_id) as session:
        accounts = AccountRepository(session)
        user, _ = await accounts.get_user(user_id)
        groups, collections = await accounts.grants_of(user_id)
    return Principal(
        user_id=user_id,
        organization_id=organization_id,
        role=Role(user.role),
        email=user.email,
        group_ids=groups,
        collection_ids=collections,
        entry_point=EntryPoint.CLI,
    )


async def _find(database: Database, settings: Settings, email: str | None) -> tuple[UUID, UUID]:
    if email is not None:
        async with database.transaction(None) as session:
            found = await AccountRepository(session).find_credentials(email)
        if found is None:
            raise NotFoundError(
                f"There is no account {email}.", next_step="foundry user list shows those of the first organisation."
            )
        return found.user_id, found.organization_id
    organization_id = await tenants.first_organization(maintenance_address(settings))
    if organization_id is None:
        raise NotFoundError("There is no account yet.", next_step="Start foundry up once.")
    async with database.transaction(organization_id) as session:
        statement = (
            select(User.id)
            .where(User.role.in_(("operator", "admin")), User.is_active, ~User.is_deleted)
            .order_by(User.created_at)
            .limit(1)
        )
        user_id = await session.scalar(statement)
    if user_id is None:
        raise NotFoundError("The first organisation has no active administrator.")
    return user_id, organization_id
