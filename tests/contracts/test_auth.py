"""Does every login let in whoever proves who they are, and nobody else?

Two contracts: ``AuthProvider`` opens and ends our sessions, ``FederatedLogin`` has another service prove who one is.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from core.errors import AuthenticationError, AuthorizationError, ConfigurationError
from core.identity import Role
from core.types import PluginStatus
from db.engine import create_engine
from db.roles import APP_ROLE
from db.unit_of_work import Database
from db.urls import DatabaseAddress
from plugins.auth.jwt import JWTAuthProvider
from plugins.auth.oauth2 import OAuth2Provider
from plugins.auth.saml import SamlLogin
from plugins.interfaces import FederatedLogin, LoginStart, Plugin, PluginContext
from services.accounts.credentials import DatabaseCredentialStore
from services.setup import create_organization
from tests.fixtures.application import PASSWORD
from tests.fixtures.postgres import PostgresServer
from tests.servers.oidc_issuer import CLIENT_ID, CLIENT_SECRET, IssuerFault, OidcIssuer
from tests.servers.saml_idp import IdpFault, SamlIdp

KEY = "a-secret-of-the-tests-that-is-long-enough"
EMAIL = "ada@alpha.example"

# -- AuthProvider


@pytest.fixture
async def database(postgres_server: PostgresServer, migrated_database: str) -> AsyncIterator[Database]:
    address = DatabaseAddress(postgres_server.socket_dir, 5432, migrated_database, APP_ROLE, ssl_mode="disable")
    opened = Database(create_engine(address, pool_size=2))
    yield opened
    await opened.close()


@pytest.fixture
async def auth(database: Database, plugin_context: PluginContext) -> JWTAuthProvider:
    await create_organization(
        database, name="alpha", email=EMAIL, password=PASSWORD, role=Role.ADMIN, max_users=5, max_documents=5
    )
    return provider(database, plugin_context)


def provider(database: Database, context: PluginContext, **options: Any) -> JWTAuthProvider:
    made = JWTAuthProvider(
        JWTAuthProvider.Options.model_validate({"secret_key": KEY, **options}),
        replace(context, credentials=DatabaseCredentialStore(database)),
    )
    assert isinstance(made, Plugin)
    return made


async def test_password_opens_a_session_that_can_be_ended(auth: JWTAuthProvider) -> None:
    pair = await auth.authenticate({"email": f" {EMAIL.upper()} ", "password": PASSWORD})
    claims = await auth.validate_token(pair.access_token)
    assert claims.session_id == pair.session_id
    assert pair.expires_at > datetime.now(UTC)
    await auth.revoke_token(pair.access_token)
    with pytest.raises(AuthenticationError):
        await auth.validate_token(pair.access_token)
    with pytest.raises(AuthenticationError):
        await auth.refresh_token(pair.refresh_token)
    await auth.revoke_token("unknown")


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"email": EMAIL},
        {"email": EMAIL, "password": ""},
        {"email": EMAIL, "password": PASSWORD + " "},
        {"email": EMAIL, "password": "ü" * 100_000},
        {"email": "nobody@alpha.example", "password": PASSWORD},
        {"email": "x" * 100_000, "password": PASSWORD},
        {"email": "' OR 1=1 --", "password": PASSWORD},
    ],
    ids=["nothing", "no password", "empty", "nearly", "huge", "unknown", "huge address", "injection"],
)
async def test_whoever_proves_nothing_hears_the_same_words(auth: JWTAuthProvider, credentials: dict[str, str]) -> None:
    with pytest.raises(AuthenticationError, match=r"^E-mail or password is wrong\."):
        await auth.authenticate(credentials)


async def test_refresh_token_works_once_and_its_theft_ends_the_session(auth: JWTAuthProvider) -> None:
    first = await auth.authenticate({"email": EMAIL, "password": PASSWORD})
    second = await auth.refresh_token(first.refresh_token)
    assert (await auth.validate_token(second.access_token)).session_id == first.session_id
    with pytest.raises(AuthenticationError):
        await auth.refresh_token(first.refresh_token)
    with pytest.raises(AuthenticationError):
        await auth.validate_token(second.access_token)


def forged(**changes: Any) -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": "knowledge-foundry",
        "aud": "access",
        "iat": now,
        "exp": now + timedelta(hours=1),
        "sub": str(uuid4()),
        "org": str(uuid4()),
        "sid": str(uuid4()),
    }
    key, algorithm = changes.pop("key", KEY), changes.pop("algorithm", "HS256")
    made = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(made, key, algorithm=algorithm)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "é",
        "a.b.c",
        "x" * 100_000,
        forged(),
        forged(key="another-secret-of-somebody-else-entirely"),
        forged(algorithm="HS512", key=KEY * 2),
        forged(key="", algorithm="none"),
        forged(iss="somebody-else"),
        forged(aud="refresh"),
        forged(exp=datetime.now(UTC) - timedelta(seconds=1)),
        forged(exp=None),
        forged(sid=None),
        forged(sid="not-an-id"),
    ],
    ids=[
        *("empty", "not ASCII", "no JSON", "huge", "no such session", "another key", "another algorithm", "alg none"),
        *("another issuer", "another audience", "expired", "no end", "no session", "nonsense inside"),
    ],
)
async def test_token_of_somebody_else_is_refused(auth: JWTAuthProvider, token: str) -> None:
    with pytest.raises(AuthenticationError):
        await auth.validate_token(token)


async def test_session_of_another_organisation_is_not_found_by_its_id(auth: JWTAuthProvider) -> None:
    pair = await auth.authenticate({"email": EMAIL, "password": PASSWORD})
    claims = await auth.validate_token(pair.access_token)
    elsewhere = forged(sub=str(claims.user_id), org=str(UUID(int=1)), sid=str(claims.session_id))
    with pytest.raises(AuthenticationError):
        await auth.validate_token(elsewhere)


async def test_provider_is_healthy_and_needs_its_store(auth: JWTAuthProvider, plugin_context: PluginContext) -> None:
    assert (await auth.health_check()).status is PluginStatus.HEALTHY
    await auth.close()
    await auth.close()
    with pytest.raises(ConfigurationError):
        JWTAuthProvider(JWTAuthProvider.Options.model_validate({"secret_key": KEY}), plugin_context)


# -- FederatedLogin

MAPPING = {
    "default_organization": "alpha",
    "roles": [
        {"claim": "memberOf", "under": "ou=admins,dc=example,dc=org", "role": "admin"},
        {"claim": "memberOf", "equals": "cn=Prüfer, ou=staff, dc=example, dc=org", "role": "editor"},
    ],
    "default_role": "viewer",
    "trusted_email_domains": ["example.org"],
}


class Service(ABC):
    """The service of one protocol: a real server, the login that talks to it, and its browser."""

    callback_url: str

    def __init__(self, context: PluginContext) -> None:
        self.context = context

    @abstractmethod
    def login(self, **options: Any) -> FederatedLogin:
        """A login at the service."""

    @abstractmethod
    async def visit(self, start: LoginStart) -> dict[str, str]:
        """Go where the login sends the browser; what it brings back."""

    @abstractmethod
    def becomes(self, subject: str, email: str, groups: list[str]) -> None:
        """Who signs in from now on."""

    @abstractmethod
    def falls_silent(self, silent: bool) -> None:
        """Answer the login nothing any more."""

    async def sign_in(self, login: FederatedLogin) -> Any:
        start = await login.begin(self.callback_url, "the-state")
        return await login.finish(await self.visit(start), start.kept)


class OidcService(Service):
    callback_url = "http://127.0.0.1:9/api/v1/auth/oauth2/here/callback"

    def __init__(self, context: PluginContext, issuer: OidcIssuer) -> None:
        super().__init__(context)
        self.issuer = issuer

    def login(self, **options: Any) -> FederatedLogin:
        given = {
            **{"issuer": self.issuer.address, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
            **{"mapping": MAPPING, "keys_ttl_s": 0, **options},
        }
        return OAuth2Provider(OAuth2Provider.Options.model_validate(given), self.context)

    async def visit(self, start: LoginStart) -> dict[str, str]:
        return dict(parse_qsl(urlsplit((await self.context.http.get(start.url)).headers["location"]).query))

    def becomes(self, subject: str, email: str, groups: list[str]) -> None:
        self.issuer.subject = subject
        self.issuer.claims = {"email": email, "memberOf": groups}

    def falls_silent(self, silent: bool) -> None:
        path = "/.well-known/openid-configuration"
        self.issuer.faults = {path: IssuerFault.SILENT} if silent else {}


class SamlService(Service):
    callback_url = "http://127.0.0.1:9/api/v1/auth/saml/here/acs"

    def __init__(self, context: PluginContext, idp: SamlIdp) -> None:
        super().__init__(context)
        self.idp = idp

    def login(self, **options: Any) -> FederatedLogin:
        address = f"{self.idp.address}/metadata"
        given = {
            **{"idp_entity_id": self.idp.entity_id, "metadata_url": address, "metadata_ttl_s": 0},
            **{"mapping": MAPPING, **options},
        }
        return SamlLogin(SamlLogin.Options.model_validate(given), self.context)

    async def visit(self, start: LoginStart) -> dict[str, str]:
        page = (await self.context.http.get(start.url)).text
        return dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))

    def becomes(self, subject: str, email: str, groups: list[str]) -> None:
        def state(statement: Any) -> None:
            statement.subject = subject
            statement.attributes = {"mail": [email], "memberOf": groups}

        self.idp.state_wrong = state

    def falls_silent(self, silent: bool) -> None:
        self.idp.fault = IdpFault.SILENT if silent else None


@pytest.fixture(params=["oauth2", "saml"])
async def service(request: pytest.FixtureRequest, plugin_context: PluginContext) -> AsyncIterator[Service]:
    if request.param == "oauth2":
        async with OidcIssuer().running() as issuer:
            yield OidcService(plugin_context, issuer)
    else:
        async with SamlIdp().running() as idp:
            yield SamlService(plugin_context, idp)


@pytest.fixture
async def login(service: Service) -> FederatedLogin:
    made = service.login()
    await made.start()
    return made


async def test_directory_groups_decide_on_the_role(service: Service, login: FederatedLogin) -> None:
    for groups, role in (
        (["CN=anyone,OU=Deep,OU=Admins,DC=Example,DC=Org"], Role.ADMIN),
        (["cn=x,dc=other", "CN=PRÜFER,ou=staff,dc=example,dc=org"], Role.EDITOR),
        (["ou=admins,dc=example,dc=org,dc=evil"], Role.VIEWER),
        (["cn=Prüfer\\, ou=staff, dc=example, dc=org"], Role.VIEWER),
        ([], Role.VIEWER),
    ):
        service.becomes("person-ü", "Zoë@Example.org", groups)
        identity = await service.sign_in(login)
        assert (identity.subject, identity.email, identity.role) == ("person-ü", "zoë@example.org", role)
        assert identity.organization == "alpha"
        assert not identity.may_link


async def test_ten_thousand_groups_are_no_trouble(service: Service, login: FederatedLogin) -> None:
    names = [f"cn=g{number},ou=x" for number in range(10_000)] if isinstance(service, OidcService) else ["cn=g"] * 3_000
    service.becomes("p", "p@example.org", [*names, "cn=a,ou=admins,dc=example,dc=org"])
    assert (await service.sign_in(login)).role is Role.ADMIN


async def test_nothing_about_a_person_is_no_place_for_them(service: Service, login: FederatedLogin) -> None:
    service.becomes("p", "", [])
    with pytest.raises(AuthorizationError):
        await service.sign_in(login)
    service.becomes("s" * 2_000, "p@example.org", [])
    with pytest.raises(AuthorizationError):
        await service.sign_in(login)


async def test_every_sign_in_is_its_own(service: Service, login: FederatedLogin) -> None:
    first, second = [await login.begin(service.callback_url, "the-state") for _ in range(2)]
    assert set(first.kept.values()) & set(second.kept.values()) <= {service.callback_url}
    query = parse_qs(urlsplit(first.url).query)
    assert query.get("state", query.get("RelayState")) == ["the-state"]
    answer = await service.visit(first)
    with pytest.raises(AuthenticationError):
        await login.finish(answer, second.kept)


async def test_answer_is_good_once(service: Service, login: FederatedLogin) -> None:
    start = await login.begin(service.callback_url, "the-state")
    answer = await service.visit(start)
    await login.finish(answer, start.kept)
    with pytest.raises(AuthenticationError):
        await login.finish(answer, start.kept)


@pytest.mark.parametrize("value", ["", "ü", "x" * 600_000], ids=["empty", "unicode", "huge"])
async def test_answer_that_is_none_is_refused(service: Service, login: FederatedLogin, value: str) -> None:
    start = await login.begin(service.callback_url, "the-state")
    answer = {**await service.visit(start), "SAMLResponse": value, "code": value}
    with pytest.raises(AuthenticationError):
        await login.finish(answer, start.kept)
    with pytest.raises(AuthenticationError):
        await login.finish({}, start.kept)


async def test_many_people_sign_in_at_once(service: Service, login: FederatedLogin) -> None:
    identities = await asyncio.gather(*(service.sign_in(login) for _ in range(20)))
    assert len({identity.subject for identity in identities}) == 1


async def test_waiting_can_be_ended_and_the_next_one_comes_in(service: Service, login: FederatedLogin) -> None:
    service.falls_silent(True)
    waiting = asyncio.create_task(login.begin(service.callback_url, "the-state"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await waiting
    assert waiting.cancelled()
    service.falls_silent(False)
    service.becomes("p", "p@example.org", [])
    await service.sign_in(login)


async def test_health_is_told_without_raising(service: Service) -> None:
    login = service.login(timeout_s=0.2)
    assert isinstance(login, FederatedLogin)
    await login.start()
    service.falls_silent(True)
    assert (await login.health_check()).status is PluginStatus.BROKEN
    service.falls_silent(False)
    assert (await login.health_check()).status is PluginStatus.HEALTHY
    await login.close()
    await login.close()


async def test_login_starts_while_its_service_is_away(service: Service) -> None:
    service.falls_silent(True)
    login = service.login()
    await login.start()
    assert login.title


async def test_http_client_is_left_open(service: Service, login: FederatedLogin) -> None:
    await login.close()
    assert isinstance(service.context.http, httpx.AsyncClient)
    assert not service.context.http.is_closed
