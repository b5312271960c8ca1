"""What can be set for a SAML sign-in?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plugins.auth.fetching import is_protected
from plugins.auth.mapping import IdentityMapping

NAME_ID = "NameID"
"""Stands for the subject among the attributes, when the identity provider says that it is an e-mail address."""


class SamlMapping(IdentityMapping):
    """From attributes to address, organisation and role; attributes go by the full names the provider sends."""

    email_claims: tuple[str, ...] = Field(
        default=(
            "email",
            "mail",
            "urn:oid:0.9.2342.19200300.100.1.3",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            NAME_ID,
        ),
        min_length=1,
    )
    email_verified_claim: str = ""


class SamlOptions(BaseModel):
    """An identity provider, and what its attributes mean here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="Single sign-on", min_length=1, max_length=60, description="What the button says.")
    idp_entity_id: str = Field(min_length=1, max_length=1024, description="Name of the identity provider.")
    metadata: str = Field(default="", description="Its metadata as XML, for example secret://idp-metadata.xml.")
    metadata_url: str = Field(default="", description="Or where to read it, over TLS.")
    metadata_ttl_s: int = Field(default=3600, ge=0, le=86_400, description="How long what was read there is believed.")
    entity_id: str = Field(default="", max_length=1024, description="Our name; else the address of our metadata.")
    subject_claim: str = Field(default="", description="Attribute that names a person for ever; else the NameID.")
    clock_skew_s: int = Field(default=60, ge=0, le=300)
    timeout_s: float = Field(default=10, gt=0, le=60)
    allow_http: bool = Field(default=False, description="Plain HTTP to an identity provider on another machine.")
    mapping: SamlMapping

    @model_validator(mode="after")
    def _consistent(self) -> SamlOptions:
        if bool(self.metadata) == bool(self.metadata_url):
            raise ValueError("exactly one of metadata and metadata_url")
        if self.metadata_url and not is_protected(self.metadata_url, allow_http=self.allow_http):
            raise ValueError("metadata_url needs https://, or allow_http")
        return self
