"""Does signing in through another service end in one of our sessions, for the right people only?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import yaml
from sqlalchemy import select, text, update

from chat_app.asgi import create_app
from config.loader import load_settings
from core.identity import Role
from db.models import AuditLog, FederatedIdentity, Organization, User
from services.bootstrap import Services, open_services
from tests.fixtures.application import CLIENT, PASSWORD, Department, assert_bound_by_policies, make_department
from tests.integration.test_gateway import settings_of_tests
from tests.servers.oidc_issuer import CLIENT_ID, CLIENT_SECRET, IssuerFault, OidcIssuer
from tests.servers.saml_idp import SamlIdp

HERE = "http://testserver"
GROUPS = "ou=groups,dc=example,dc=org"
MAPPING: dict[str, Any] = {
    "organizations": [
        {"claim": "groups", "under": f"ou=alpha,{GROUPS}", "organization": "alpha"},
        {"claim": "groups", "under": f"ou=beta,{GROUPS}", "organization": "beta"},
        {"claim": "groups", "equals": "nowhere", "organization": "gamma"},
    ],
    "roles": [
        {"claim": "groups", "equals": f"cn=kf-admins,ou=alpha,{GROUPS}", "role": "admin"},
        {"claim": "groups", "equals": f"cn=kf-editors,ou=alpha,{GROUPS}", "role": "editor"},
    ],
    "default_role": "viewer",
}
EDITORS = [f"CN=KF-Editors, OU=Alpha, {GROUPS}"]
ADMINS = [f"CN=KF-Admins, OU=Alpha, {GROUPS}"]
OTHERS = [f"cn=all,ou=beta,{GROUPS}"]


@dataclass
class House:
    """The application with two organisations, an issuer and an identity provider."""

    services: Services
    api: httpx.AsyncClient
    issuer: OidcIssuer
    idp: SamlIdp
    alpha: Department
    beta: Department

    def is_now(self, subject: str, email: str, groups: list[str]) -> None:
        """Who sits at the issuer."""
        self.issuer.subject = subject
        self.issuer.claims = {"email": email, "email_verified": True, "groups": groups}

    async def leave(self, path: str = "/api/v1/auth/oauth2/corp/login", **query: str) -> httpx.Response:
        """Go where the sign-in page's button leads, and on to the issuer; its answer."""
        away = await self.api.get(path, params=query)
        assert away.status_code == 303, away.text
        async with httpx.AsyncClient() as browser:
            return await browser.get(away.headers["location"])

    async def sign_in(self, **query: str) -> httpx.Response:
        """There and back again."""
        back = await self.leave(**query)
        return await self.api.get(back.headers["location"])

    async def me(self) -> dict[str, Any]:
        """Who the browser is now."""
        answer = await self.api.get("/api/v1/auth/me")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def users(self, department: Department) -> dict[str, User]:
        """Address → account."""
        async with self.services.database.transaction(department.principal.organization_id) as session:
            return {user.email: user for user in await session.scalars(select(User))}

    async def audited(self, department: Department, resource_type: str) -> list[AuditLog]:
        """What the audit log says about accounts or sessions, oldest first."""
        async with self.services.database.transaction(department.principal.organization_id) as session:
            statement = select(AuditLog).where(AuditLog.resource_type == resource_type).order_by(AuditLog.timestamp)
            return list(await session.scalars(statement))


def entries(issuer: OidcIssuer, idp: SamlIdp, **mapping: Any) -> list[dict[str, Any]]:
    """What an operator writes into the overlay."""
    return [
        {
            "name": "corp",
            "plugin": "plugins.auth.oauth2:OAuth2Provider",
            "config": {
                "issuer": issuer.address,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "title": "Corporate <account>",
                "timeout_s": 3,
                "keys_ttl_s": 0,
                "mapping": {**MAPPING, **mapping},
            },
        },
        {
            "name": "school",
            "plugin": "plugins.auth.saml:SamlLogin",
            "config": {
                "idp_entity_id": idp.entity_id,
                "metadata": idp.metadata(),
                "mapping": {
                    "default_organization": "alpha",
                    "roles": [{"claim": "memberOf", "under": GROUPS.replace("ou=groups,", ""), "role": "editor"}],
                    "trusted_email_domains": ["example.org"],
                },
            },
        },
    ]


@asynccontextmanager
async def opened_house(environment: dict[str, str], folder: Path, **mapping: Any) -> AsyncIterator[House]:
    async with OidcIssuer().running() as issuer, SamlIdp().running() as idp:
        overlay = folder / "overlay.yaml"
        overlay.write_text(yaml.safe_dump({"plugins": {"authentication": entries(issuer, idp, **mapping)}}))
        loaded = load_settings(
            environ={**environment, "FOUNDRY_OVERLAY": str(overlay), "FOUNDRY__chat__public_url": HERE}
        )
        async with open_services(loaded) as services:
            await assert_bound_by_policies(services)

            @asynccontextmanager
            async def opened() -> AsyncIterator[Callable[[], Services]]:
                yield lambda: services

            app = create_app(settings_of_tests(folder), opened)
            app.state.services = lambda: services
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as api:
                alpha, beta = [await make_department(services, name) for name in ("alpha", "beta")]
                yield House(services, api, issuer, idp, alpha, beta)


@pytest.fixture
async def house(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[House]:
    async with opened_house(environment, tmp_path) as made:
        yield made


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


async def enter_as(house: House, subject: str, email: str, groups: list[str]) -> dict[str, Any]:
    house.is_now(subject, email, groups)
    answer = await house.sign_in()
    assert answer.status_code == 303, answer.text
    return await house.me()


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


async def refused(house: House, status: int, words: str, answer: httpx.Response | None = None) -> None:
    house.api.cookies.delete("kf_session")
    answer = answer or await house.sign_in()
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert "kf_session" not in answer.cookies
    assert 'action="/login"' in answer.text


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


async def test_answer_is_good_once_and_in_the_browser_that_asked(house: House) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    back = await house.leave()
    cookies = dict(house.api.cookies)
    assert (await house.api.get(back.headers["location"])).status_code == 303
    await refused(house, 401, "is over", await house.api.get(back.headers["location"]))
    back = await house.leave()
    house.api.cookies.clear()
    await refused(house, 401, "begun elsewhere", await house.api.get(back.headers["location"]))
    back = await house.leave()
    house.api.cookies.clear()
    house.api.cookies.update({"kf_sign_in": cookies["kf_sign_in"][::-1]})
    await refused(house, 401, "begun elsewhere", await house.api.get(back.headers["location"]))


async def test_two_tabs_sign_in_side_by_side(house: House) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    first, second = await house.leave(), await house.leave()
    for back in (first, second):
        assert (await house.api.get(back.headers["location"])).status_code == 303


@pytest.mark.parametrize("state", ["", "unknown", "x" * 200])
async def test_answer_nobody_asked_for_is_refused(house: House, state: str) -> None:
    answer = await house.api.get("/api/v1/auth/oauth2/corp/callback", params={"state": state, "code": "x"})
    await refused(house, 401, "is over", answer)
    posted = await house.api.post("/api/v1/auth/saml/school/acs", data={"SAMLResponse": "eA==", "RelayState": state})
    await refused(house, 401, "is over", posted)
    assert "/token" not in house.issuer.requests


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
async def test_nobody_is_sent_to_another_site(house: House, elsewhere: str) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    answer = await house.sign_in(next=elsewhere)
    assert (answer.status_code, answer.headers["location"]) == (303, "/chat/")


async def test_callback_address_comes_from_the_settings_not_from_the_host_header(house: House) -> None:
    away = await house.api.get("/api/v1/auth/oauth2/corp/login", headers={"Host": "evil.example"})
    assert "evil.example" not in away.headers["location"]


async def test_sign_in_page_offers_every_login_that_runs(house: House) -> None:
    page = (await house.api.get("/login", params={"next": "/chat/thread/7"})).text
    links = re.findall(r'href="(/api/v1/auth/[^"]+)"', page)
    assert links == [
        "/api/v1/auth/oauth2/corp/login?next=%2Fchat%2Fthread%2F7",
        "/api/v1/auth/saml/school/login?next=%2Fchat%2Fthread%2F7",
    ]
    assert "Corporate &lt;account&gt;" in page


@pytest.mark.parametrize("path", ["oauth2/none/login", "saml/corp/login", "oauth2/jwt/login"])
async def test_unknown_login_is_not_found(house: House, path: str) -> None:
    answer = await house.api.get(f"/api/v1/auth/{path}")
    assert answer.status_code == 404
    assert (await house.api.get("/api/v1/auth/saml/corp/metadata")).status_code == 404


async def test_issuer_that_is_away_is_told_on_the_sign_in_page(house: House) -> None:
    house.issuer.faults["/.well-known/openid-configuration"] = IssuerFault.SILENT
    answer = await house.api.get("/api/v1/auth/oauth2/corp/login")
    await refused(house, 503, "does not answer", answer)
    house.issuer.faults.clear()
    await enter_as(house, "s-1", "grace@example.org", EDITORS)


async def test_saml_sign_in_crosses_the_sites_without_a_cookie(house: House) -> None:
    page = await house.leave("/api/v1/auth/saml/school/login", next="/chat/thread/7")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    async with other_browser(house) as other:
        posted = await other.post("/api/v1/auth/saml/school/acs", data=fields)
        assert posted.status_code == 303
        ticket = posted.headers["location"]
        assert ticket.startswith("/api/v1/auth/saml/school/acs?ticket=")
        assert "kf_session" not in posted.cookies
    answer = await house.api.get(ticket)
    assert (answer.status_code, answer.headers["location"]) == (303, "/chat/thread/7")
    me = await house.me()
    assert (me["email"], me["role"], me["organization_name"]) == ("ada@example.org", "editor", "alpha")
    await refused(house, 401, "is over", await house.api.get(ticket))
    await refused(house, 401, "is over", await house.api.post("/api/v1/auth/saml/school/acs", data=fields))


async def test_saml_ticket_opens_nothing_in_another_browser(house: House) -> None:
    page = await house.leave("/api/v1/auth/saml/school/login")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    ticket = (await house.api.post("/api/v1/auth/saml/school/acs", data=fields)).headers["location"]
    async with other_browser(house) as other:
        answer = await other.get(ticket)
    await refused(house, 401, "begun elsewhere", answer)
    assert "ada@example.org" not in await house.users(house.alpha)


@asynccontextmanager
async def other_browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else, or a request that another site makes the browser send."""
    async with httpx.AsyncClient(transport=house.api._transport, base_url=HERE) as other:
        yield other


async def test_saml_metadata_is_public(house: House) -> None:
    answer = await house.api.get("/api/v1/auth/saml/school/metadata")
    assert answer.headers["content-type"].startswith("application/samlmetadata+xml")
    assert f'Location="{HERE}/api/v1/auth/saml/school/acs"' in answer.text
    assert f'entityID="{HERE}/api/v1/auth/saml/school/metadata"' in answer.text


async def test_addresses_are_counted_as_at_the_password_form(environment: dict[str, str], tmp_path: Path) -> None:
    async with opened_house({**environment, "FOUNDRY__rate_limiting__ip_limit": "3/hour"}, tmp_path) as house:
        answers = [await house.api.get("/api/v1/auth/oauth2/corp/login") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [303, 303, 303, 429]
        assert int(answers[-1].headers["Retry-After"]) > 0


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


async def test_nothing_secret_is_in_the_address_the_browser_sees(house: House) -> None:
    away = await house.api.get("/api/v1/auth/oauth2/corp/login")
    query = urlsplit(away.headers["location"]).query
    assert CLIENT_SECRET not in away.headers["location"]
    assert "code_challenge_method=S256" in query
    assert "code_verifier" not in query
    cookie = away.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_role_of_operator_is_nothing_a_directory_can_take(house: House) -> None:
    me = await enter_as(house, "s-1", "grace@example.org", EDITORS)
    async with house.services.database.transaction(house.alpha.principal.organization_id) as session:
        await session.execute(update(User).where(User.id == UUID(me["id"])).values(role=Role.OPERATOR.value))
    assert (await enter_as(house, "s-1", "grace@example.org", EDITORS))["role"] == "operator"
