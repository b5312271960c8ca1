"""Which responses of an identity provider does a SAML sign-in believe?"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from lxml import etree
from pydantic import ValidationError
from redis.asyncio import Redis

from core.errors import (
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    ProviderError,
    ProviderUnavailableError,
)
from core.identity import Role
from core.types import PluginStatus
from plugins.auth.saml import SamlLogin
from plugins.interfaces import FederatedIdentity, LoginStart, PluginContext
from tests.servers.saml_idp import (
    GROUP,
    NS,
    Certificate,
    Element,
    IdpFault,
    SamlIdp,
    Statement,
    evil_copy,
    read_request,
    sign,
)

CALLBACK = "http://127.0.0.1:9/api/v1/auth/saml/here/acs"
MAPPING: dict[str, Any] = {
    "default_organization": "alpha",
    "roles": [{"claim": "memberOf", "equals": "cn=KF-Editors,ou=groups,dc=example,dc=org", "role": "editor"}],
    "trusted_email_domains": ["example.org"],
}
ME = Certificate()
SOMEBODY = Certificate()


@pytest.fixture
async def idp() -> AsyncIterator[SamlIdp]:
    async with SamlIdp(signer=ME).running() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
async def login(idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis) -> SamlLogin:
    return await login_at(idp, http, redis_client)


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


async def test_directory_group_decides_on_the_role(login: SamlLogin, idp: SamlIdp, http: httpx.AsyncClient) -> None:
    identity = await sign_in(login, http)
    assert identity == FederatedIdentity(
        idp.entity_id, "person-7", "ada@example.org", "alpha", Role.EDITOR, True, False
    )
    idp.state_wrong = lambda said: said.attributes.update(memberOf=["cn=KF-Editors,ou=others,dc=example,dc=org"])
    with pytest.raises(AuthorizationError, match="None of your groups"):
        await sign_in(login, http)


def changed(**changes: Any) -> Callable[[SamlIdp], None]:
    """The provider says something else, and signs it."""

    def apply(idp: SamlIdp) -> None:
        def state(statement: Statement) -> None:
            for name, value in changes.items():
                setattr(statement, name, value)

        idp.state_wrong = state

    return apply


def twisted(twist: Callable[[Element], None]) -> Callable[[SamlIdp], None]:
    """Somebody on the way changes what was signed."""

    def apply(idp: SamlIdp) -> None:
        idp.twist = twist

    return apply


def assertion_in(response: Element) -> Element:
    return response.find("saml:Assertion", NS)


def signature_in(response: Element) -> Element:
    return response.find(".//ds:Signature", NS)


def lying_outside(**changes: str) -> Callable[[SamlIdp], None]:
    """What is signed is wrong, and what stands around it was made to look right."""

    def apply(idp: SamlIdp) -> None:
        right: dict[str, str] = {}

        def state(statement: Statement) -> None:
            for name, value in changes.items():
                right[name] = getattr(statement, name)
                setattr(statement, name, value)

        def mend(response: Element) -> None:
            if "in_response_to" in right:
                response.set("InResponseTo", right["in_response_to"])
            if "issuer" in right:
                response.find("saml:Issuer", NS).text = right["issuer"]

        idp.state_wrong, idp.twist = state, mend

    return apply


def alter_group(response: Element) -> None:
    response.find(".//saml:AttributeValue", NS).text = "root@example.org"


def drop_signature(response: Element) -> None:
    signature_in(response).getparent().remove(signature_in(response))


def drop_reference(response: Element) -> None:
    info = signature_in(response).find("ds:SignedInfo", NS)
    info.remove(info.find("ds:Reference", NS))


def evil_before_the_original(response: Element) -> None:
    """Wrapping, XSW3: the forged assertion stands first."""
    response.insert(2, evil_copy(assertion_in(response), "root@example.org"))


def evil_around_the_original(response: Element) -> None:
    """Wrapping, XSW4: the original becomes a child of the forged one."""
    original = assertion_in(response)
    evil = evil_copy(original, "root@example.org")
    response.replace(original, evil)
    evil.append(original)


def original_in_extensions(response: Element) -> None:
    """Wrapping, XSW7: the original goes where schemas allow anything."""
    original = assertion_in(response)
    response.replace(original, evil_copy(original, "root@example.org"))
    etree.SubElement(response, f"{{{NS['samlp']}}}Extensions").append(original)


def original_in_the_signature(response: Element) -> None:
    """Wrapping, XSW8 and XSW2: the forged assertion carries the signature, and in it the original."""
    original = assertion_in(response)
    evil = evil_copy(original, "root@example.org")
    signature = original.find("ds:Signature", NS)
    response.replace(original, evil)
    evil.insert(1, signature)
    original_alone = copy.deepcopy(original)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(original_alone)


def original_renamed_in_the_signature(response: Element) -> None:
    """Wrapping with the same id twice, so that a look-up by id may find either."""
    original_in_the_signature(response)
    assertion_in(response).set("ID", response.find(".//ds:Object/saml:Assertion", NS).get("ID"))


def original_disguised(response: Element) -> None:
    """Wrapping where the original has an element of another name around it, which a count of assertions overlooks."""
    original_in_the_signature(response)
    hidden = response.find(".//ds:Object/saml:Assertion", NS)
    hidden.tag = "{urn:other}Assertion"


def signature_moved_to_the_response(response: Element) -> None:
    """Wrapping, XSW1: the response claims the assertion's signature."""
    response.insert(1, signature_in(response))


def signed_by_somebody_else(response: Element) -> None:
    drop_signature(response)
    alter_group(response)
    sign(assertion_in(response), SOMEBODY)


def signed_by_a_broken_hash(response: Element) -> None:
    drop_signature(response)
    sign(assertion_in(response), ME, digest="sha1")


def encrypted(response: Element) -> None:
    assertion_in(response).tag = f"{{{NS['saml']}}}EncryptedAssertion"


def no_assertion(response: Element) -> None:
    response.remove(assertion_in(response))


def another_recipient_around(response: Element) -> None:
    response.set("Destination", "https://other.example/acs")


def another_question_around(response: Element) -> None:
    response.set("InResponseTo", "_another")


def not_asked(response: Element) -> None:
    del response.attrib["InResponseTo"]


LATE = timedelta(minutes=-2)
WRONG: dict[str, Callable[[SamlIdp], None]] = {
    "unsigned": lambda idp: setattr(idp, "signs", ""),
    "only the response is signed": lambda idp: setattr(idp, "signs", "response"),
    "altered": twisted(alter_group),
    "signature taken out": twisted(drop_signature),
    "signature of nothing": twisted(drop_reference),
    "signed by somebody else": twisted(signed_by_somebody_else),
    "signed with SHA-1": twisted(signed_by_a_broken_hash),
    "wrapped: forged first": twisted(evil_before_the_original),
    "wrapped: forged around": twisted(evil_around_the_original),
    "wrapped: original in extensions": twisted(original_in_extensions),
    "wrapped: original in the signature": twisted(original_in_the_signature),
    "wrapped: same id twice": twisted(original_renamed_in_the_signature),
    "wrapped: original disguised": twisted(original_disguised),
    "wrapped: signature moved": twisted(signature_moved_to_the_response),
    "encrypted": twisted(encrypted),
    "empty": twisted(no_assertion),
    "another destination": twisted(another_recipient_around),
    "for another question, outside": twisted(another_question_around),
    "nobody asked": twisted(not_asked),
    "for another question": changed(in_response_to="_another"),
    "for another question, inside": lying_outside(in_response_to="_another"),
    "another issuer, inside": lying_outside(issuer="https://evil.example/idp"),
    "another audience": changed(audience="https://other.example/metadata"),
    "another recipient": changed(recipient="https://other.example/acs"),
    "another issuer": changed(issuer="https://evil.example/idp"),
    "expired": changed(not_before=timedelta(hours=-1), not_on_or_after=LATE),
    "not yet valid": changed(not_before=timedelta(minutes=3)),
    "denied there": changed(status="urn:oasis:names:tc:SAML:2.0:status:Responder"),
    "a condition nobody knows": changed(more_conditions='<x:Only xmlns:x="urn:x">Mondays</x:Only>'),
    "another name each time": changed(subject_format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG.keys())
async def test_wrong_response_is_refused(
    login: SamlLogin, idp: SamlIdp, http: httpx.AsyncClient, spoil: Callable[[SamlIdp], None]
) -> None:
    await sign_in(login, http)
    spoil(idp)
    with pytest.raises(AuthenticationError, match="was not accepted"):
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


async def test_any_published_certificate_may_have_signed(
    idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis
) -> None:
    idp.published = [SOMEBODY, ME]
    await sign_in(await login_at(idp, http, redis_client), http)


@pytest.mark.parametrize("options", [{"bits": 1024}, {"days": -1}], ids=["weak key", "expired certificate"])
async def test_certificate_that_is_no_good_proves_nothing(
    idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis, options: dict[str, int]
) -> None:
    idp.signer = Certificate(**options)
    login = await login_at(idp, http, redis_client)
    with pytest.raises(AuthenticationError):
        await sign_in(login, http)


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


async def test_our_metadata_names_what_requests_carry(login: SamlLogin) -> None:
    root = etree.fromstring(login.metadata(CALLBACK).encode())
    asked = read_request((await login.begin(CALLBACK, "state")).url)
    assert root.get("entityID") == asked.entity_id == CALLBACK.replace("/acs", "/metadata")
    service = root.find(".//md:AssertionConsumerService", NS)
    assert service.get("Location") == asked.callback_url == CALLBACK
    assert root.find("md:SPSSODescriptor", NS).get("WantAssertionsSigned") == "true"


async def test_metadata_is_read_from_its_address_and_again_when_old(
    idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis
) -> None:
    login = await login_at(idp, http, redis_client, metadata_url=f"{idp.address}/metadata", metadata_ttl_s=3600)
    await sign_in(login, http)
    await sign_in(login, http)
    assert idp.requests.count("/metadata") == 1
    login = await login_at(idp, http, redis_client, metadata_url=f"{idp.address}/metadata", metadata_ttl_s=0)
    await sign_in(login, http)
    idp.signer = SOMEBODY
    await sign_in(login, http)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (IdpFault.BROKEN, ProviderUnavailableError),
        (IdpFault.SILENT, ProviderUnavailableError),
        (IdpFault.NONSENSE, ProviderError),
    ],
)
async def test_faulty_provider_is_told_apart_from_a_refused_person(
    idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis, fault: IdpFault, error: type[ProviderError]
) -> None:
    idp.fault = fault
    login = await login_at(idp, http, redis_client, metadata_url=f"{idp.address}/metadata", timeout_s=0.3)
    with pytest.raises(error):
        await login.begin(CALLBACK, "state")
    assert (await login.health_check()).status is PluginStatus.BROKEN
    idp.fault = None
    assert (await login.health_check()).status is PluginStatus.HEALTHY


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("entityID=", "entityID='x' other="),
        lambda text: text.replace("<md:IDPSSODescriptor ", '<md:IDPSSODescriptor WantAuthnRequestsSigned="true" '),
        lambda text: text.replace("<md:IDPSSODescriptor ", '<md:IDPSSODescriptor validUntil="2020-01-01T00:00:00Z" '),
        lambda text: text.replace("http://127", "http://10"),
        lambda text: re.sub(r"<md:KeyDescriptor.*</md:KeyDescriptor>", "", text),
        lambda text: re.sub(r"(<ds:X509Certificate>)....", r"\1AAAA", text),
        lambda text: "<!DOCTYPE x>" + text,
    ],
    ids=["another provider", "wants signatures", "too old", "no TLS", "no key", "no certificate", "document type"],
)
async def test_metadata_that_does_not_fit_is_not_used(
    idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis, spoil: Callable[[str], str]
) -> None:
    with pytest.raises(ProviderError):
        await login_at(idp, http, redis_client, metadata=spoil(idp.metadata()), idp_entity_id=idp.entity_id)


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


@pytest.mark.parametrize(
    "options",
    [{}, {"metadata": "<x/>", "metadata_url": "https://x.example"}, {"metadata_url": "http://x.example"}],
    ids=["no metadata", "two", "no TLS"],
)
def test_options_must_name_one_safe_source_of_metadata(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SamlLogin.Options.model_validate({"idp_entity_id": "x", "mapping": MAPPING, **options})


def test_entry_of_the_readme_can_be_copied() -> None:
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    (entry,) = yaml.safe_load(readme.split("```yaml")[1].split("```")[0])["plugins"]["authentication"]
    options = SamlLogin.Options.model_validate(entry["config"])
    assert options.mapping.roles
