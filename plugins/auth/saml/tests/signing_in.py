"""How do the tests sign somebody in at a provider?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

from plugins.auth.saml import SamlLogin
from plugins.interfaces import FederatedIdentity, LoginStart, PluginContext
from tests.servers.saml_idp import (
    Certificate,
    SamlIdp,
)

CALLBACK = "http://127.0.0.1:9/api/v1/auth/saml/here/acs"

MAPPING: dict[str, Any] = {
    "default_organization": "alpha",
    "roles": [{"claim": "memberOf", "equals": "cn=KF-Editors,ou=groups,dc=example,dc=org", "role": "editor"}],
    "trusted_email_domains": ["example.org"],
}

ME = Certificate()
SOMEBODY = Certificate()


async def login_at(idp: SamlIdp, http: httpx.AsyncClient, redis: Redis, **options: Any) -> SamlLogin:
    """A sign-in at the provider, whose metadata is at hand unless its address is given."""
    given = {"idp_entity_id": idp.entity_id, "mapping": MAPPING, **options}
    if "metadata_url" not in given:
        given.setdefault("metadata", idp.metadata())
    made = SamlLogin(SamlLogin.Options.model_validate(given), PluginContext(http=http, data_dir=Path(), redis=redis))
    await made.start()
    return made


async def visit(http: httpx.AsyncClient, start: LoginStart) -> dict[str, str]:
    """What the form of the provider's page posts."""
    page = (await http.get(start.url)).text
    assert f'action="{CALLBACK}"' in page
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))


async def sign_in(login: SamlLogin, http: httpx.AsyncClient) -> FederatedIdentity:
    start = await login.begin(CALLBACK, "the-state")
    params = await visit(http, start)
    assert params["RelayState"] == "the-state"
    return await login.finish(params, start.kept)
