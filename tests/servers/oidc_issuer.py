"""Which server stands in for an OpenID Connect issuer?

One that speaks the authorization code flow of OpenID Connect Core 1.0 with Discovery 1.0, PKCE (RFC 7636) and issuer
identification (RFC 9207), and whose person has always agreed already.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import unquote, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.servers.loopback import listening

CLIENT_ID = "foundry"
CLIENT_SECRET = "a secret: with / odd + characters"
GROUP = "cn=kf-admins,ou=groups,dc=example,dc=org"


class IssuerFault(StrEnum):
    """How an endpoint misbehaves."""

    BROKEN = "broken"  # 500
    BUSY = "busy"  # 429 with Retry-After: 7
    SILENT = "silent"  # no answer at all
    NONSENSE = "nonsense"  # not JSON
    ENDLESS = "endless"  # two megabytes
    LIST = "list"  # JSON, but no object


@dataclass(frozen=True)
class SigningKey:
    """A private key and the id it is published under."""

    key_id: str
    algorithm: str
    private: Any

    @classmethod
    def rsa(cls, key_id: str, bits: int = 2048) -> SigningKey:
        return cls(key_id, "RS256", rsa.generate_private_key(65537, bits))

    @classmethod
    def elliptic(cls, key_id: str) -> SigningKey:
        return cls(key_id, "ES256", ec.generate_private_key(ec.SECP256R1()))

    def published(self) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        public: dict[str, Any] = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {**public, "kid": self.key_id, "use": "sig", "alg": self.algorithm}


@dataclass
class Grant:
    """What a code stands for."""

    query: dict[str, str]
    subject: str


Forge = Callable[[dict[str, Any], SigningKey], str]
"""Makes the ID token out of its claims; tests replace it to send wrong ones."""


def signed(claims: dict[str, Any], key: SigningKey) -> str:
    """An honest ID token."""
    return jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"kid": key.key_id})


@dataclass
class OidcIssuer:
    """An issuer with one person.

    Attributes:
        claims: What ID tokens say beside the protocol's own claims, or instead of them.
        faults: Path of an endpoint → how it misbehaves.
        requests: Every path that was asked for.
    """

    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey.rsa("one")])
    subject: str = "person-1"
    claims: dict[str, Any] = field(
        default_factory=lambda: {"email": "Grace@Example.org", "email_verified": True, "groups": [GROUP]}
    )
    info: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    forge: Forge = signed
    names_itself: bool = True
    faults: dict[str, IssuerFault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    address: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen."""

        def make(address: str) -> Starlette:
            self.address = address
            return Starlette(routes=[Route(path, self._serve, methods=["GET", "POST"]) for path in self._endpoints()])

        async with listening(make):
            yield self

    def _endpoints(self) -> dict[str, Callable[[Request], Any]]:
        return {
            "/.well-known/openid-configuration": self._configuration,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": self._keys,
            "/userinfo": self._userinfo,
        }

    async def _serve(self, request: Request) -> Response:
        path = request.url.path
        self.requests.append(path)
        fault = self.faults.get(path)
        if fault is IssuerFault.BROKEN:
            return JSONResponse({"error": "server_error"}, 500)
        if fault is IssuerFault.BUSY:
            return JSONResponse({"error": "slow_down"}, 429, headers={"Retry-After": "7"})
        if fault is IssuerFault.SILENT:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response(status_code=499)
        if fault is IssuerFault.NONSENSE:
            return Response("<html>not what you asked for</html>")
        if fault is IssuerFault.ENDLESS:
            return Response(b" " * 2_000_000, media_type="application/json")
        if fault is IssuerFault.LIST:
            return JSONResponse(["no object"])
        answer: Response = await self._endpoints()[path](request)
        return answer

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "userinfo_endpoint": f"{self.address}/userinfo",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": self.names_itself,
                **self.discovery,
            }
        )

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(query, self.subject)
        answer = {"code": code, "state": query["state"]} | ({"iss": self.address} if self.names_itself else {})
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        form = {key: str(value) for key, value in (await request.form()).items()}
        if self._client_of(request, form) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self.grants.pop(form.get("code", ""), None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            grant is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != grant.query["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != grant.query["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe(24)
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.address,
            "aud": CLIENT_ID,
            "sub": grant.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.query["nonce"],
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **self.claims,
        }
        token = self.forge(claims, self.keys[0])
        return JSONResponse(
            {"access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": token}
        )

    def _client_of(self, request: Request, form: dict[str, str]) -> tuple[str, str]:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return form.get("client_id", ""), form.get("client_secret", "")
        name, _, secret = base64.b64decode(given).decode().partition(":")
        return unquote(name), unquote(secret)

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [key.published() for key in self.keys]})

    async def _userinfo(self, request: Request) -> Response:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": self.subject, **self.info})


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "GROUP", "IssuerFault", "OidcIssuer", "SigningKey", "signed"]
