"""Which responses of an identity provider does a SAML sign-in believe?"""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest
import yaml
from lxml import etree
from redis.asyncio import Redis

from core.errors import (
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    ProviderUnavailableError,
)
from core.identity import Role
from plugins.auth.saml import SamlLogin
from plugins.auth.saml.tests.signing_in import CALLBACK, MAPPING, login_at, sign_in, visit
from plugins.interfaces import FederatedIdentity, PluginContext
from tests.servers.saml_idp import (
    GROUP,
    NS,
    Element,
    SamlIdp,
    Statement,
)


async def test_directory_group_decides_on_the_role(login: SamlLogin, idp: SamlIdp, http: httpx.AsyncClient) -> None:
    identity = await sign_in(login, http)
    assert identity == FederatedIdentity(
        idp.entity_id, "person-7", "ada@example.org", "alpha", Role.EDITOR, True, False
    )
    idp.state_wrong = lambda said: said.attributes.update(memberOf=["cn=KF-Editors,ou=others,dc=example,dc=org"])
    with pytest.raises(AuthorizationError, match="None of your groups"):
        await sign_in(login, http)


async def test_response_is_good_once(login: SamlLogin, http: httpx.AsyncClient) -> None:
    start = await login.begin(CALLBACK, "state")
    params = await visit(http, start)
    await login.finish(params, start.kept)
    with pytest.raises(AuthenticationError):
        await login.finish(params, start.kept)


async def test_response_to_one_sign_in_does_not_finish_another(login: SamlLogin, http: httpx.AsyncClient) -> None:
    mine, theirs = await login.begin(CALLBACK, "mine"), await login.begin(CALLBACK, "theirs")
    with pytest.raises(AuthenticationError):
        await login.finish(await visit(http, mine), theirs.kept)


async def test_comment_inside_a_name_does_not_cut_it(login: SamlLogin, idp: SamlIdp, http: httpx.AsyncClient) -> None:
    """CVE-2017-11427 and its kin: signed text is read whole, wherever somebody puts a comment into it."""

    def comment(response: Element) -> None:
        name = response.find(".//saml:NameID", NS)
        text, name.text = name.text, None
        split = etree.Comment("cut here")
        split.tail = text[3:]
        name.text = text[:3]
        name.append(split)

    idp.twist = comment
    assert (await sign_in(login, http)).subject == "person-7"


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>',
        b"<r/>",
        b"not XML",
        b"",
        b"<r>" * 10_000,
    ],
    ids=["external entity", "entity bomb", "other XML", "text", "empty", "deep"],
)
async def test_document_that_is_no_response_is_refused(login: SamlLogin, document: bytes) -> None:
    start = await login.begin(CALLBACK, "state")
    with pytest.raises(AuthenticationError):
        await login.finish({"SAMLResponse": base64.b64encode(document).decode()}, start.kept)


@pytest.mark.parametrize("text", ["", "%%%", "é", "A" * 600_000], ids=["empty", "no base64", "not ASCII", "too long"])
async def test_form_without_a_response_is_refused(login: SamlLogin, text: str) -> None:
    start = await login.begin(CALLBACK, "state")
    with pytest.raises(AuthenticationError):
        await login.finish({"SAMLResponse": text}, start.kept)


async def test_untrusted_domain_is_not_a_verified_address(
    login: SamlLogin, idp: SamlIdp, http: httpx.AsyncClient
) -> None:
    idp.state_wrong = lambda said: said.attributes.update(mail=["ada@other.example"])
    with pytest.raises(AuthorizationError, match="not verified"):
        await sign_in(login, http)


async def test_subject_may_be_an_attribute_and_the_address_the_name(
    idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis
) -> None:
    login = await login_at(idp, http, redis_client, subject_claim="employeeNumber")

    def state(said: Statement) -> None:
        said.subject, said.subject_format = "a@example.org", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
        said.attributes = {"employeeNumber": ["4711"], "memberOf": [GROUP]}

    idp.state_wrong = state
    identity = await sign_in(login, http)
    assert (identity.subject, identity.email) == ("4711", "a@example.org")


async def test_without_redis_nobody_is_let_in(idp: SamlIdp, http: httpx.AsyncClient) -> None:
    options = SamlLogin.Options.model_validate(
        {"idp_entity_id": idp.entity_id, "metadata": idp.metadata(), "mapping": MAPPING}
    )
    with pytest.raises(ConfigurationError, match="Redis"):
        SamlLogin(options, PluginContext(http=http, data_dir=Path()))
    async with Redis.from_url("redis://127.0.0.1:9") as away:
        login = SamlLogin(options, PluginContext(http=http, data_dir=Path(), redis=away))
        with pytest.raises(ProviderUnavailableError):
            await sign_in(login, http)


def test_entry_of_the_readme_can_be_copied() -> None:
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    (entry,) = yaml.safe_load(readme.split("```yaml")[1].split("```")[0])["plugins"]["authentication"]
    options = SamlLogin.Options.model_validate(entry["config"])
    assert options.mapping.roles
