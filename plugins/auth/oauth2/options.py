"""What can be set for an OpenID Connect sign-in?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from plugins.auth.fetching import is_protected
from plugins.auth.mapping import IdentityMapping

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a private key only: with HS256 our copy of the secret, or worse the public key, could sign."""
GOOGLE = "https://accounts.google.com"


class Registration(BaseModel):
    """What an issuer gave us when we registered with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None


class OAuth2Options(BaseModel):
    """An issuer, our registration with it, and what its claims mean here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    google: Registration | None = Field(
        default=None, description="Short for Google: names issuer, title, client_id and client_secret."
    )
    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", description="As the issuer writes it, to the last slash.")
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = Field(default=None, description="Empty for a public client; PKCE is used anyway.")
    token_auth: Literal["basic", "post"] = Field(default="basic", description="How the secret is sent.")
    title: str = Field(default="Single sign-on", min_length=1, max_length=60, description="What the button says.")
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    clock_skew_s: int = Field(default=60, ge=0, le=300)
    timeout_s: float = Field(default=10, gt=0, le=60)
    keys_ttl_s: int = Field(default=3600, ge=0, le=86_400, description="How long addresses and keys are believed.")
    keys_cooldown_s: float = Field(default=10, ge=0, le=600, description="Between two looks for an unknown key.")
    userinfo: bool = Field(default=False, description="Also read the claims that only the userinfo endpoint tells.")
    allow_http: bool = Field(default=False, description="Plain HTTP to an issuer on another machine.")
    mapping: IdentityMapping

    @model_validator(mode="before")
    @classmethod
    def _google_is_an_issuer(cls, given: Any) -> Any:
        google = given.get("google") if isinstance(given, Mapping) else None
        if not isinstance(google, Mapping):
            return given
        registered = {key: google[key] for key in Registration.model_fields if key in google}
        return {"issuer": GOOGLE, "title": "Google", **registered, **given}

    @model_validator(mode="after")
    def _consistent(self) -> OAuth2Options:
        if not is_protected(self.issuer, allow_http=self.allow_http):
            raise ValueError("issuer needs https://, or allow_http")
        if "openid" not in self.scopes:
            raise ValueError("scopes must contain openid")
        return self
