"""Who comes in from a directory, into which account, organisation and role?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from core.identity import Role
from db.models import FederatedIdentity, Organization, User
from tests.fixtures.application import CLIENT, PASSWORD, make_department
from tests.support.federated import ADMINS, EDITORS, OTHERS, House, enter_as, opened_house, refused


async def test_new_person_gets_the_organisation_and_role_of_their_directory_groups(house: House) -> None:
    house.is_now("s-1", "Grace@Example.org", EDITORS)
    answer = await house.sign_in(next="/chat/thread/7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/chat/thread/7")
    me = await house.me()
    assert (me["email"], me["role"], me["organization_name"]) == ("grace@example.org", "editor", "alpha")
    assert "grace@example.org" not in await house.users(house.beta)
    (created,) = [row for row in await house.audited(house.alpha, "user") if row.resource_id == me["id"]]
    assert (created.action, created.changes) == ("created", {"after": {"role": "editor", "login": "corp"}})
    (session,) = await house.audited(house.alpha, "session")
    assert (session.action, session.changes) == ("accessed", {"after": {"login": "corp"}})
    assert str(session.user_id) == me["id"]


async def test_session_is_like_any_other(house: House) -> None:
    await enter_as(house, "s-1", "g@example.org", EDITORS)
    assert (await house.api.post("/api/v1/auth/refresh", json={})).status_code == 200
    csrf = house.api.cookies["kf_csrf"]
    assert (await house.api.post("/api/v1/auth/logout", headers={"X-CSRF-Token": csrf})).status_code == 204
    assert (await house.api.get("/api/v1/auth/me")).status_code == 401


async def test_same_person_comes_back_with_another_address_and_the_role_they_have_now(house: House) -> None:
    first = await enter_as(house, "s-1", "grace@example.org", EDITORS)
    second = await enter_as(house, "s-1", "married@example.org", ADMINS)
    assert (second["id"], second["email"], second["role"]) == (first["id"], "grace@example.org", "admin")
    third = await enter_as(house, "s-1", "grace@example.org", EDITORS)
    assert third["role"] == "editor"
    changes = [row.changes for row in await house.audited(house.alpha, "user") if row.action == "updated"]
    assert changes == [
        {"before": {"role": "editor"}, "after": {"role": "admin", "login": "corp"}},
        {"before": {"role": "admin"}, "after": {"role": "editor", "login": "corp"}},
    ]


async def test_role_given_here_stays_where_the_directory_says_nothing_about_roles(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with opened_house(environment, tmp_path, roles=[]) as house:
        me = await enter_as(house, "s-1", "grace@example.org", ADMINS)
        assert me["role"] == "viewer"
        await house.services.accounts.set_role(house.alpha.principal, UUID(me["id"]), Role.EDITOR, client=CLIENT)
        assert (await enter_as(house, "s-1", "grace@example.org", ADMINS))["role"] == "editor"


async def test_last_administrator_keeps_the_role(house: House) -> None:
    me = await enter_as(house, "s-1", "grace@example.org", ADMINS)
    await house.services.accounts.set_active(house.alpha.principal, UUID(me["id"]), True, client=CLIENT)
    async with house.services.database.transaction(house.alpha.principal.organization_id) as session:
        await session.execute(update(User).where(User.id == house.alpha.user.id).values(role="viewer"))
    assert (await enter_as(house, "s-1", "grace@example.org", EDITORS))["role"] == "admin"


async def test_address_of_an_account_is_not_enough_to_become_it(house: House) -> None:
    for department in (house.alpha, house.beta):
        house.is_now("intruder", department.user.email, ADMINS)
        await refused(house, 403, "There is an account with your address already.")
        async with house.services.database.transaction(department.principal.organization_id) as session:
            assert not list(await session.scalars(select(FederatedIdentity)))


async def test_account_is_linked_only_where_allowed_and_never_across_organisations(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with opened_house(environment, tmp_path, link_existing_accounts=True) as house:
        me = await enter_as(house, "s-1", house.alpha.user.email, ADMINS)
        assert me["id"] == str(house.alpha.user.id)
        assert (await house.services.accounts.sign_in(house.alpha.user.email, PASSWORD, client=CLIENT)).access_token
        house.is_now("s-2", house.beta.user.email, ADMINS)
        await refused(house, 403, "There is an account")
        async with house.services.database.transaction(house.beta.principal.organization_id) as session:
            await session.execute(update(User).where(User.id == house.beta.user.id).values(role="operator"))
        house.is_now("s-3", house.beta.user.email, OTHERS)
        await refused(house, 403, "There is an account")


async def test_nobody_moves_between_organisations(house: House) -> None:
    await enter_as(house, "s-1", "grace@example.org", EDITORS)
    house.is_now("s-1", "grace@example.org", OTHERS)
    await refused(house, 403, "belongs to another organisation")
    assert set(await house.users(house.beta)) == {house.beta.user.email}


@pytest.mark.parametrize(
    ("groups", "words"),
    [([], "None of your groups"), (["nowhere"], "Your organisation is not known here")],
    ids=["no group", "no such organisation"],
)
async def test_whoever_has_no_place_stays_out(house: House, groups: list[str], words: str) -> None:
    house.is_now("s-1", "grace@example.org", groups)
    await refused(house, 403, words)


async def test_name_of_two_organisations_means_neither(house: House) -> None:
    await make_department(house.services, "gamma")
    await enter_as(house, "s-1", "grace@example.org", ["nowhere"])
    async with house.services.database.transaction(house.beta.principal.organization_id) as session:
        await session.execute(update(Organization).values(name="gamma"))
    house.is_now("s-2", "ada@example.org", ["nowhere"])
    await refused(house, 403, "Your organisation is not known here")


async def test_closed_and_deleted_accounts_stay_out(house: House) -> None:
    me = await enter_as(house, "s-1", "grace@example.org", EDITORS)
    await house.services.accounts.set_active(house.alpha.principal, UUID(me["id"]), False, client=CLIENT)
    await refused(house, 403, "not active")
    async with house.services.database.transaction(house.alpha.principal.organization_id) as session:
        await session.execute(update(User).where(User.id == UUID(me["id"])).values(is_active=True, is_deleted=True))
    await refused(house, 403, "not active")
    house.is_now("s-new", "grace@example.org", EDITORS)
    await refused(house, 403, "There is an account")


async def test_full_organisation_takes_nobody_but_knows_its_own(house: House) -> None:
    for number in range(4):
        await enter_as(house, f"s-{number}", f"p{number}@example.org", EDITORS)
    house.is_now("s-9", "p9@example.org", EDITORS)
    await refused(house, 403, "may have 5 users")
    await enter_as(house, "s-0", "p0@example.org", EDITORS)


async def test_unverified_address_stays_out(house: House) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    house.issuer.claims["email_verified"] = False
    await refused(house, 403, "not verified")


async def test_identities_are_rows_of_one_organisation(house: House) -> None:
    me = await enter_as(house, "s-1", "grace@example.org", EDITORS)
    database = house.services.database
    for organization_id in (None, house.beta.principal.organization_id):
        async with database.transaction(organization_id) as session:
            assert not list(await session.scalars(select(FederatedIdentity)))
    async with database.transaction(house.alpha.principal.organization_id) as session:
        (row,) = list(await session.scalars(select(FederatedIdentity)))
    assert (str(row.user_id), row.issuer, row.subject) == (me["id"], house.issuer.address, "s-1")
    async with database.transaction(None) as session:
        found = await session.execute(text("SELECT * FROM find_identity(:i, 's-2')"), {"i": house.issuer.address})
        assert not list(found)


async def test_two_first_sign_ins_at_once_make_one_account(house: House) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    backs = [await house.leave() for _ in range(4)]
    answers = await asyncio.gather(*(house.api.get(back.headers["location"]) for back in backs))
    assert [answer.status_code for answer in answers] == [303] * 4
    assert set(await house.users(house.alpha)) == {house.alpha.user.email, "grace@example.org"}


async def test_role_of_operator_is_nothing_a_directory_can_take(house: House) -> None:
    me = await enter_as(house, "s-1", "grace@example.org", EDITORS)
    async with house.services.database.transaction(house.alpha.principal.organization_id) as session:
        await session.execute(update(User).where(User.id == UUID(me["id"])).values(role=Role.OPERATOR.value))
    assert (await enter_as(house, "s-1", "grace@example.org", EDITORS))["role"] == "operator"
