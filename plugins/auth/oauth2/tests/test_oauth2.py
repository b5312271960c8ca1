"""Which ID tokens, keys and issuers does an OpenID Connect sign-in believe?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from core.errors import (
    AuthenticationError,
    AuthorizationError,
    ProviderError,
    ProviderRateLimitError,
    ProviderUnavailableError,
)
from core.identity import Role
from core.types import PluginStatus
from plugins.auth.oauth2 import OAuth2Provider
from plugins.auth.oauth2.options import OAuth2Options
from plugins.interfaces import FederatedIdentity, PluginContext
from tests.servers.oidc_issuer import CLIENT_ID, CLIENT_SECRET, GROUP, IssuerFault, OidcIssuer, SigningKey, signed

CALLBACK = "http://127.0.0.1:9/api/v1/auth/oauth2/here/callback"
MAPPING: dict[str, Any] = {
    "default_organization": "alpha",
    "roles": [{"claim": "groups", "equals": GROUP, "role": "admin"}],
    "default_role": "viewer",
}


@pytest.fixture
async def issuer() -> AsyncIterator[OidcIssuer]:
    async with OidcIssuer().running() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def login_at(issuer: OidcIssuer, http: httpx.AsyncClient, **options: Any) -> OAuth2Provider:
    """A sign-in at the issuer."""
    given = {
        "issuer": issuer.address,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "mapping": MAPPING,
        "keys_cooldown_s": 0,
        **options,
    }
    return OAuth2Provider(OAuth2Provider.Options.model_validate(given), PluginContext(http=http, data_dir=Path()))


async def visit(http: httpx.AsyncClient, url: str) -> dict[str, str]:
    """What the browser brings back from the issuer."""
    answer = await http.get(url)
    assert answer.headers["location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def sign_in(login: OAuth2Provider, http: httpx.AsyncClient) -> FederatedIdentity:
    start = await login.begin(CALLBACK, "the-state")
    return await login.finish(await visit(http, start.url), start.kept)


async def test_directory_group_decides_on_the_role(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    identity = await sign_in(login_at(issuer, http), http)
    assert identity == FederatedIdentity(
        issuer.address, "person-1", "grace@example.org", "alpha", Role.ADMIN, True, False
    )
    issuer.claims["groups"] = [GROUP.replace("groups", "elsewhere")]
    assert (await sign_in(login_at(issuer, http), http)).role is Role.VIEWER


@pytest.mark.parametrize("token_auth", ["basic", "post"])
async def test_the_client_proves_itself_either_way(
    issuer: OidcIssuer, http: httpx.AsyncClient, token_auth: str
) -> None:
    await sign_in(login_at(issuer, http, token_auth=token_auth), http)
    with pytest.raises(ProviderError, match="does not accept our client"):
        await sign_in(login_at(issuer, http, token_auth=token_auth, client_secret="wrong"), http)


async def test_elliptic_curve_keys_are_as_good(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    issuer.keys = [SigningKey.elliptic("curve")]
    await sign_in(login_at(issuer, http), http)


async def test_new_signing_keys_are_found_without_a_restart(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    login = login_at(issuer, http)
    await sign_in(login, http)
    await sign_in(login, http)
    assert issuer.requests.count("/keys") == 1
    issuer.keys.insert(0, SigningKey.rsa("two"))
    await sign_in(login, http)
    assert issuer.requests.count("/keys") == 2


async def test_unknown_keys_are_not_looked_for_at_any_rate(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    stranger = SigningKey.rsa("stranger")
    issuer.forge = lambda claims, _: signed(claims, stranger)
    login = login_at(issuer, http, keys_cooldown_s=600)
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await sign_in(login, http)
    assert issuer.requests.count("/keys") == 1


def with_claims(**changes: Any) -> Callable[[dict[str, Any], SigningKey], str]:
    def forge(claims: dict[str, Any], key: SigningKey) -> str:
        changed = {**claims, **changes}
        return signed({name: value for name, value in changed.items() if value is not None}, key)

    return forge


def unsigned(claims: dict[str, Any], _: SigningKey) -> str:
    return jwt.encode(claims, "", algorithm="none")


def signed_with_the_public_key(claims: dict[str, Any], key: SigningKey) -> str:
    """What a verifier that takes the algorithm from the token would accept: an HMAC with the public key as secret."""
    public = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _hmac(claims, {"alg": "HS256", "kid": key.key_id}, public)


def signed_with_our_secret(claims: dict[str, Any], key: SigningKey) -> str:
    return _hmac(claims, {"alg": "HS256", "kid": key.key_id}, CLIENT_SECRET.encode())


def _hmac(claims: dict[str, Any], header: Mapping[str, str], secret: bytes) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    body = b".".join(parts)
    mac = base64.urlsafe_b64encode(hmac.new(secret, body, hashlib.sha256).digest()).rstrip(b"=")
    return (body + b"." + mac).decode()


def without_signature(claims: dict[str, Any], key: SigningKey) -> str:
    return signed(claims, key).rpartition(".")[0] + "."


def altered(claims: dict[str, Any], key: SigningKey) -> str:
    head, _, tail = signed(claims, key).split(".")
    body = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "person-2"}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{tail}"


def by_another_key_of_the_same_name(claims: dict[str, Any], key: SigningKey) -> str:
    return signed(claims, SigningKey.rsa(key.key_id))


def of_another_algorithm(claims: dict[str, Any], key: SigningKey) -> str:
    return jwt.encode(claims, key.private, algorithm="RS512", headers={"kid": key.key_id})


HOUR_AGO = int(time.time()) - 3600
WRONG: dict[str, Callable[[dict[str, Any], SigningKey], str]] = {
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "HS256 with the client secret": signed_with_our_secret,
    "signature cut off": without_signature,
    "altered": altered,
    "another key": by_another_key_of_the_same_name,
    "an algorithm nobody allowed": of_another_algorithm,
    "another issuer": with_claims(iss="https://evil.example"),
    "another audience": with_claims(aud="somebody-else"),
    "us among others, for others": with_claims(aud=[CLIENT_ID, "other"], azp="other"),
    "us among others, for nobody": with_claims(aud=[CLIENT_ID, "other"]),
    "expired": with_claims(iat=HOUR_AGO, exp=HOUR_AGO + 60),
    "from the future": with_claims(iat=HOUR_AGO + 7200),
    "not yet valid": with_claims(nbf=HOUR_AGO + 7200),
    "another nonce": with_claims(nonce="x" * 43),
    "no nonce": with_claims(nonce=None),
    "no end": with_claims(exp=None),
    "no subject": with_claims(sub=None),
    "no audience": with_claims(aud=None),
    "another access token": with_claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "no token": lambda _claims, _key: "nonsense",
}


@pytest.mark.parametrize("forge", WRONG.values(), ids=WRONG.keys())
async def test_wrong_id_token_is_refused(
    issuer: OidcIssuer, http: httpx.AsyncClient, forge: Callable[[dict[str, Any], SigningKey], str]
) -> None:
    login = login_at(issuer, http)
    await sign_in(login, http)
    issuer.forge = forge
    with pytest.raises(AuthenticationError, match="was not accepted"):
        await sign_in(login, http)


async def test_token_of_an_earlier_sign_in_is_refused(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    sent: list[str] = []

    def keep(claims: dict[str, Any], key: SigningKey) -> str:
        sent.append(signed(claims, key))
        return sent[0]

    issuer.forge = keep
    login = login_at(issuer, http)
    await sign_in(login, http)
    with pytest.raises(AuthenticationError):
        await sign_in(login, http)


async def test_code_works_once_and_with_its_own_verifier_only(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    login = login_at(issuer, http)
    start, other = await login.begin(CALLBACK, "a"), await login.begin(CALLBACK, "b")
    assert start.kept["verifier"] != other.kept["verifier"]
    with pytest.raises(AuthenticationError):
        await login.finish(await visit(http, start.url), other.kept)
    params = await visit(http, start.url)
    await login.finish(params, start.kept)
    with pytest.raises(AuthenticationError):
        await login.finish(params, start.kept)


async def test_clocks_may_differ_a_little(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    issuer.forge = with_claims(iat=int(time.time()) - 330, exp=int(time.time()) - 30)
    await sign_in(login_at(issuer, http, clock_skew_s=60), http)
    with pytest.raises(AuthenticationError):
        await sign_in(login_at(issuer, http, clock_skew_s=10), http)


@pytest.mark.parametrize(
    "params",
    [
        {"error": "access_denied", "code": "x"},
        {"code": ""},
        {"iss": "https://evil.example"},
        {"iss": None},
    ],
    ids=["denied", "no code", "of another issuer", "issuer not named"],
)
async def test_answer_that_cannot_be_right_never_reaches_the_issuer(
    issuer: OidcIssuer, http: httpx.AsyncClient, params: dict[str, str | None]
) -> None:
    login = login_at(issuer, http)
    start = await login.begin(CALLBACK, "state")
    changed = {**await visit(http, start.url), **params}
    with pytest.raises(AuthenticationError):
        await login.finish({name: value for name, value in changed.items() if value is not None}, start.kept)
    assert "/token" not in issuer.requests


async def test_address_must_be_verified_unless_its_domain_is_trusted(
    issuer: OidcIssuer, http: httpx.AsyncClient
) -> None:
    for claim in ({"email_verified": False}, {"email_verified": "false"}, {"email_verified": None}):
        issuer.claims.update(claim)
        with pytest.raises(AuthorizationError, match="not verified"):
            await sign_in(login_at(issuer, http), http)
        trusting = {**MAPPING, "trusted_email_domains": ["example.org"]}
        assert (await sign_in(login_at(issuer, http, mapping=trusting), http)).email == "grace@example.org"
    issuer.claims["email"] = "grace@example.org.evil.example"
    with pytest.raises(AuthorizationError):
        await sign_in(login_at(issuer, http, mapping=trusting), http)


async def test_userinfo_adds_claims_of_the_same_person_only(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    issuer.info["groups"] = issuer.claims.pop("groups")
    assert (await sign_in(login_at(issuer, http), http)).role is Role.VIEWER
    assert (await sign_in(login_at(issuer, http, userinfo=True), http)).role is Role.ADMIN
    issuer.info["sub"] = "somebody-else"
    with pytest.raises(AuthenticationError):
        await sign_in(login_at(issuer, http, userinfo=True), http)


FAULTS = [
    (IssuerFault.BROKEN, ProviderUnavailableError),
    (IssuerFault.BUSY, ProviderRateLimitError),
    (IssuerFault.SILENT, ProviderUnavailableError),
    (IssuerFault.NONSENSE, ProviderError),
    (IssuerFault.LIST, ProviderError),
    (IssuerFault.ENDLESS, ProviderError),
]


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"])
@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=[fault.value for fault, _ in FAULTS])
async def test_faulty_issuer_is_told_apart_from_a_refused_person(
    issuer: OidcIssuer, http: httpx.AsyncClient, path: str, fault: IssuerFault, error: type[ProviderError]
) -> None:
    issuer.faults[path] = fault
    login = login_at(issuer, http, userinfo=True, timeout_s=0.3)
    with pytest.raises(error):
        await sign_in(login, http)
    issuer.faults.clear()
    await sign_in(login, http)


async def test_health_follows_the_issuer(issuer: OidcIssuer, http: httpx.AsyncClient) -> None:
    issuer.faults["/.well-known/openid-configuration"] = IssuerFault.BROKEN
    login = login_at(issuer, http, keys_ttl_s=0)
    await login.start()
    assert (await login.health_check()).status is PluginStatus.BROKEN
    issuer.faults.clear()
    assert (await login.health_check()).status is PluginStatus.HEALTHY


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://other.example"}, {"token_endpoint": "http://10.0.0.9/token"}, {"jwks_uri": None}],
    ids=["another name", "no TLS", "no keys"],
)
async def test_discovery_that_does_not_fit_is_not_used(
    issuer: OidcIssuer, http: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    issuer.discovery = document
    with pytest.raises(ProviderError):
        await login_at(issuer, http).begin(CALLBACK, "state")


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": "http://issuer.example"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"scopes": ["email"]},
        {"mapping": {**MAPPING, "default_role": "operator"}},
        {"mapping": {**MAPPING, "roles": [{"claim": "groups", "role": "admin"}]}},
        {"unknown": 1},
    ],
)
def test_options_that_would_weaken_it_are_refused(options: dict[str, Any]) -> None:
    given = {"issuer": "https://issuer.example", "client_id": "x", "mapping": MAPPING, **options}
    with pytest.raises(ValidationError):
        OAuth2Provider.Options.model_validate(given)


def test_google_is_named_by_our_registration_alone() -> None:
    options = OAuth2Options.model_validate(
        {
            "google": {"client_id": "ours", "client_secret": "secret"},
            "mapping": {"default_organization": "My department"},
        }
    )
    assert (options.issuer, options.title, options.client_id) == ("https://accounts.google.com", "Google", "ours")
    assert options.client_secret is not None
    assert options.client_secret.get_secret_value() == "secret"
    # Who of all the people at Google may come in, nobody can guess.
    with pytest.raises(ValueError, match="mapping"):
        OAuth2Options.model_validate({"google": {"client_id": "ours"}})


def test_entry_of_the_readme_can_be_copied() -> None:
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    (entry,) = yaml.safe_load(readme.split("```yaml")[1].split("```")[0])["plugins"]["authentication"]
    options = OAuth2Provider.Options.model_validate(entry["config"])
    assert options.mapping.roles
