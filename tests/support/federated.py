"""How do tests sign in through a directory?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from sqlalchemy import select

from chat_app.asgi import create_app
from config.loader import load_settings
from db.models import AuditLog, User
from services.bootstrap import Services, open_services
from tests.fixtures.application import Department, assert_bound_by_policies, make_department
from tests.integration.test_gateway import settings_of_tests
from tests.servers.oidc_issuer import CLIENT_ID, CLIENT_SECRET, OidcIssuer
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


async def enter_as(house: House, subject: str, email: str, groups: list[str]) -> dict[str, Any]:
    house.is_now(subject, email, groups)
    answer = await house.sign_in()
    assert answer.status_code == 303, answer.text
    return await house.me()


async def refused(house: House, status: int, words: str, answer: httpx.Response | None = None) -> None:
    house.api.cookies.delete("kf_session")
    answer = answer or await house.sign_in()
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert "kf_session" not in answer.cookies
    assert 'action="/login"' in answer.text


@asynccontextmanager
async def other_browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else, or a request that another site makes the browser send."""
    async with httpx.AsyncClient(transport=house.api._transport, base_url=HERE) as other:
        yield other
