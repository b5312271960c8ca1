"""Who comes in by link or key, who may change whom, and where does an organisation end?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from config.loader import LoadedSettings, load_settings
from core.errors import (
    AuthenticationError,
    AuthorizationError,
    ConflictError,
    NotFoundError,
    QuotaError,
    ValidationError,
)
from core.identity import EntryPoint, Principal, Role, Scope
from core.security.tokens import TokenPurpose, digest, new_token
from db.models import ApiKey, AuditLog, Group, GroupMember, SignInLink, User
from services import setup
from services.accounts.accounts import create_sign_in_link, valid_email
from services.bootstrap import Services, open_services
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department


async def add(department: Department, email: str, role: Role = Role.VIEWER) -> UUID:
    view = await department.services.accounts.create_user(
        department.principal, email=email, password=PASSWORD, role=role, client=CLIENT
    )
    return view.id


async def make_key(department: Department, user_id: UUID, *scopes: Scope, **values: object) -> str:
    key = new_token(TokenPurpose.API_KEY)
    async with department.services.database.transaction(department.principal.organization_id) as session:
        session.add(
            ApiKey(
                organization_id=department.principal.organization_id,
                user_id=user_id,
                key_hash=digest(key),
                name="test",
                scopes=[scope.value for scope in scopes],
                **values,
            )
        )
    return key


async def actions(department: Department) -> list[tuple[str, str]]:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        rows = await session.scalars(select(AuditLog).order_by(AuditLog.created_at, AuditLog.id))
        return [(row.action, row.resource_type) for row in rows]


# -- coming in


async def test_a_link_signs_in_once_and_leaves_a_trace(department: Department) -> None:
    accounts = department.services.accounts
    link = await create_sign_in_link(department.services.database, department.user)
    tokens = await accounts.redeem_link(link, client=CLIENT)
    principal = await accounts.principal_from_token(tokens.access_token)
    assert (principal.email, principal.role, principal.entry_point) == (
        department.user.email,
        Role.ADMIN,
        EntryPoint.SESSION,
    )
    assert ("accessed", "session") in await actions(department)
    with pytest.raises(AuthenticationError, match="was used or has expired"):
        await accounts.redeem_link(link, client=CLIENT)


async def test_an_expired_link_and_one_nobody_made_open_nothing(department: Department) -> None:
    services = department.services
    link = await create_sign_in_link(services.database, department.user)
    async with services.database.transaction(department.principal.organization_id) as session:
        await session.execute(update(SignInLink).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    for token in (link, new_token(TokenPurpose.SIGN_IN_LINK), "kfl_", "", "x" * 10_000, "\ud800"):
        with pytest.raises(AuthenticationError, match="was used or has expired"):
            await services.accounts.redeem_link(token, client=CLIENT)


async def test_a_key_can_do_what_its_owner_and_its_scopes_allow_and_no_more(department: Department) -> None:
    accounts = department.services.accounts
    editor = await add(department, "e@alpha.example", Role.EDITOR)
    reading = await accounts.principal_from_api_key(await make_key(department, editor, Scope.READ))
    assert (reading.user_id, reading.role, reading.entry_point) == (editor, Role.EDITOR, EntryPoint.API_KEY)
    reading.require(Role.VIEWER)
    with pytest.raises(AuthorizationError):
        reading.require(Role.EDITOR, Scope.WRITE)
    everything = await accounts.principal_from_api_key(await make_key(department, editor, *Scope))
    everything.require(Role.EDITOR, Scope.WRITE)
    with pytest.raises(AuthorizationError):
        everything.require(Role.ADMIN, Scope.ADMIN)


async def test_a_key_stops_working_when_it_or_its_owner_is_closed(department: Department) -> None:
    accounts = department.services.accounts
    editor = await add(department, "e@alpha.example", Role.EDITOR)
    closed = await make_key(department, editor, Scope.READ, is_active=False)
    expired = await make_key(department, editor, Scope.READ, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    living = await make_key(department, editor, Scope.READ)
    await accounts.principal_from_api_key(living)
    await accounts.set_active(department.principal, editor, False, client=CLIENT)
    for key in (closed, expired, living, new_token(TokenPurpose.API_KEY), "kfl_" + living[4:], "", "k" * 10_000):
        with pytest.raises(AuthenticationError):
            await accounts.principal_from_api_key(key)


async def test_a_session_is_renewed_with_the_role_of_now_until_it_or_the_account_ends(department: Department) -> None:
    accounts = department.services.accounts
    person = await add(department, "p@alpha.example")
    tokens = await accounts.sign_in("P@alpha.example ", PASSWORD, client=CLIENT)
    principal = await accounts.principal_from_token(tokens.access_token)
    assert await accounts.live_sessions([principal, department.principal]) == {principal.session_id}
    await accounts.set_role(department.principal, person, Role.EDITOR, client=CLIENT)
    assert (await accounts.renewed(principal)).role is Role.EDITOR
    await accounts.set_active(department.principal, person, False, client=CLIENT)
    with pytest.raises(AuthenticationError):
        await accounts.renewed(principal)
    await accounts.set_active(department.principal, person, True, client=CLIENT)
    await accounts.sign_out(tokens.access_token)
    with pytest.raises(AuthenticationError, match="session has ended"):
        await accounts.renewed(principal)
    with pytest.raises(AuthenticationError, match="session has ended"):
        await accounts.renewed(department.principal)


async def test_the_session_of_a_deleted_account_opens_nothing(department: Department) -> None:
    services = department.services
    person = await add(department, "p@alpha.example")
    key = await make_key(department, person, Scope.READ)
    tokens = await services.accounts.sign_in("p@alpha.example", PASSWORD, client=CLIENT)
    async with services.database.transaction(department.principal.organization_id) as session:
        await session.execute(update(User).where(User.id == person).values(is_deleted=True))
    with pytest.raises(AuthenticationError):
        await services.accounts.principal_from_token(tokens.access_token)
    with pytest.raises(AuthenticationError):
        await services.accounts.principal_from_api_key(key)


async def test_a_used_refresh_token_ends_the_session_for_whoever_has_it(department: Department) -> None:
    accounts = department.services.accounts
    first = await accounts.sign_in(department.user.email, PASSWORD, client=CLIENT)
    second = await accounts.refresh(first.refresh_token)
    for token in (first.refresh_token, second.refresh_token, "unknown"):
        with pytest.raises(AuthenticationError):
            await accounts.refresh(token)


# -- people


async def test_administrators_see_and_change_people_and_every_change_is_recorded(department: Department) -> None:
    accounts = department.services.accounts
    person = await add(department, " Ada@Alpha.Example")
    assert [view.email for view in await accounts.list_users(department.principal)] == [
        "ada@alpha.example",
        department.user.email,
    ]
    changed = await accounts.set_role(department.principal, person, Role.EDITOR, client=CLIENT)
    assert (changed.role, changed.organization_name) == (Role.EDITOR, "alpha")
    recorded = [action for action in await actions(department) if action[1] == "user"]
    assert recorded == [("created", "user"), ("updated", "user")]


async def test_others_may_neither_see_nor_make_people_nor_raise_themselves(department: Department) -> None:
    accounts = department.services.accounts
    editor = await add(department, "e@alpha.example", Role.EDITOR)
    caller = Principal(editor, department.principal.organization_id, Role.EDITOR, "e@alpha.example")
    for attempt in (
        accounts.list_users(caller),
        accounts.create_user(caller, email="x@alpha.example", password=PASSWORD, role=Role.VIEWER, client=CLIENT),
        accounts.set_role(caller, editor, Role.ADMIN, client=CLIENT),
        accounts.set_active(caller, department.user.id, False, client=CLIENT),
        accounts.create_user(
            department.principal, email="o@alpha.example", password=PASSWORD, role=Role.OPERATOR, client=CLIENT
        ),
        accounts.set_role(department.principal, editor, Role.OPERATOR, client=CLIENT),
    ):
        with pytest.raises(AuthorizationError):
            await attempt


async def test_people_of_another_organisation_do_not_exist(services: Services, department: Department) -> None:
    other = await make_department(services, "beta")
    with pytest.raises(NotFoundError):
        await services.accounts.set_role(department.principal, other.user.id, Role.VIEWER, client=CLIENT)
    assert len(await services.accounts.list_users(department.principal)) == 1


@pytest.mark.parametrize("change", ["role", "active"])
async def test_the_last_administrator_stays_one(department: Department, change: str) -> None:
    accounts = department.services.accounts
    me = department.principal

    async def step_down() -> None:
        if change == "role":
            await accounts.set_role(me, me.user_id, Role.VIEWER, client=CLIENT)
        else:
            await accounts.set_active(me, me.user_id, False, client=CLIENT)

    with pytest.raises(ConflictError, match="last active administrator"):
        await step_down()
    assert (await accounts.me(me)).role is Role.ADMIN
    await add(department, "second@alpha.example", Role.ADMIN)
    await step_down()


async def test_a_full_organisation_names_its_limit_and_who_can_raise_it(department: Department) -> None:
    for number in range(4):
        await add(department, f"person-{number}@alpha.example")
    with pytest.raises(
        QuotaError, match=r"alpha may have 5 users, and has them\. .*foundry organization limits NAME --max-users"
    ):
        await add(department, "one-too-many@alpha.example")


async def test_an_address_has_one_account_anywhere(services: Services, department: Department) -> None:
    other = await make_department(services, "beta")
    with pytest.raises(ConflictError, match="has an account already"):
        await add(department, other.user.email.upper())


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", "a b@c.example", "a@c..example", "@c.example", "a\n@c.example", "x" * 250 + "@c.de"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(ValidationError, match="is not an e-mail address"):
        valid_email(email)


async def test_preferences_change_one_by_one_and_unknown_ones_are_refused(department: Department) -> None:
    accounts, me = department.services.accounts, department.principal
    await accounts.set_preferences(me, {"language": "de", "theme": "dark"})
    changed = await accounts.set_preferences(me, {"theme": "light", "notifications": False})
    assert changed.preferences == {"language": "de", "theme": "light", "notifications": False}
    with pytest.raises(ValidationError, match=r"Unknown preference colour.*theme"):
        await accounts.set_preferences(me, {"colour": "red"})


async def test_groups_come_with_the_principal(department: Department) -> None:
    services = department.services
    organization_id, group_id = department.principal.organization_id, uuid4()
    async with services.database.transaction(organization_id) as session:
        session.add(Group(id=group_id, organization_id=organization_id, name="Legal"))
        await session.flush()
        session.add(GroupMember(organization_id=organization_id, group_id=group_id, user_id=department.user.id))
    tokens = await services.accounts.sign_in(department.user.email, PASSWORD, client=CLIENT)
    assert (await services.accounts.principal_from_token(tokens.access_token)).group_ids == {group_id}
    local = await setup.local_principal(services, department.user.email)
    assert (local.group_ids, local.entry_point) == (frozenset({group_id}), EntryPoint.CLI)


# -- rules for passwords come from the settings


async def test_a_weak_password_is_refused_by_default(department: Department) -> None:
    with pytest.raises(ValidationError, match=r"at least 12 characters, an upper-case letter, a number, a special"):
        await department.services.accounts.create_user(
            department.principal, email="w@alpha.example", password="weak", role=Role.VIEWER, client=CLIENT
        )


async def test_rules_that_were_switched_off_are_not_asked_for(environment: dict[str, str]) -> None:
    rules = {"length": "8", "require_uppercase": "false", "require_number": "false", "require_special": "false"}
    relaxed = environment | {
        f"FOUNDRY__auth__password_{'min_length' if name == 'length' else name}": value for name, value in rules.items()
    }
    async with open_services(load_settings(environ=relaxed)) as services:
        department = await make_department(services, "alpha")
        view = await services.accounts.create_user(
            department.principal, email="w@alpha.example", password="allsmall", role=Role.VIEWER, client=CLIENT
        )
    assert view.email == "w@alpha.example"


# -- the first of all


async def test_the_first_account_is_made_once_and_its_password_and_link_work(loaded: LoadedSettings) -> None:
    async with open_services(loaded) as services:
        with pytest.raises(NotFoundError, match="There is no account yet"):
            await setup.local_principal(services)
        account = await setup.ensure_first_account(loaded.settings)
        assert account is not None
        assert await setup.ensure_first_account(loaded.settings) is None
        tokens = await services.accounts.sign_in(account.email, account.password, client=CLIENT)
        principal = await services.accounts.principal_from_token(tokens.access_token)
        assert principal.role is Role.OPERATOR
        assert await services.accounts.redeem_link(account.link_token, client=CLIENT)
        again = await setup.create_link(loaded.settings)
        assert await services.accounts.redeem_link(again, client=CLIENT)
        assert (await setup.local_principal(services)).user_id == principal.user_id
        with pytest.raises(NotFoundError, match=r"no account nobody@alpha\.example"):
            await setup.create_link(loaded.settings, "nobody@alpha.example")
        async with services.database.transaction(principal.organization_id) as session:
            await session.execute(update(User).values(is_active=False))
        with pytest.raises(NotFoundError, match="no active administrator"):
            await setup.local_principal(services)
