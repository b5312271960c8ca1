"""Which metadata of a provider is used, and what does ours say?"""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from lxml import etree
from pydantic import ValidationError
from redis.asyncio import Redis

from core.errors import (
    AuthenticationError,
    ProviderError,
    ProviderUnavailableError,
)
from core.types import PluginStatus
from plugins.auth.saml import SamlLogin
from plugins.auth.saml.tests.signing_in import CALLBACK, MAPPING, ME, SOMEBODY, login_at, sign_in
from tests.servers.saml_idp import (
    NS,
    Certificate,
    IdpFault,
    SamlIdp,
    read_request,
)


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


@pytest.mark.parametrize(
    "options",
    [{}, {"metadata": "<x/>", "metadata_url": "https://x.example"}, {"metadata_url": "http://x.example"}],
    ids=["no metadata", "two", "no TLS"],
)
def test_options_must_name_one_safe_source_of_metadata(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SamlLogin.Options.model_validate({"idp_entity_id": "x", "mapping": MAPPING, **options})
