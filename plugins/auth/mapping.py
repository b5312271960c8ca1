"""Which place has somebody here, by what their own directory says of them?

Shared by the federated logins. Rules are read from the top and the first that fits counts; without one, and without a
default, the person stays out. Nobody becomes operator this way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import AuthorizationError
from core.identity import Role
from core.types import JsonValue
from plugins.auth import distinguished_names
from plugins.interfaces import FederatedIdentity

_ASK = "Ask an administrator of the organisation."
_LONGEST_SUBJECT = 1_000
_LONGEST_EMAIL = 254
MappedRole = Literal["viewer", "editor", "admin"]


class ClaimRule(BaseModel):
    """Fits when one value of the claim ``equals`` the text, or lies ``under`` it in a directory.

    A claim inside another is written with dots (``realm_access.roles``). Distinguished names are compared as such.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: str = Field(min_length=1)
    equals: str = ""
    under: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> ClaimRule:
        if bool(self.equals) == bool(self.under):
            raise ValueError("exactly one of equals and under")
        if self.under and distinguished_names.parse(self.under) is None:
            raise ValueError("under needs a distinguished name such as ou=groups,dc=example,dc=org")
        return self

    def fits(self, claims: Mapping[str, JsonValue]) -> bool:
        """Whether the claims fulfil it."""
        values = texts(claims, self.claim)
        if self.equals:
            return any(distinguished_names.same(value, self.equals) for value in values)
        return any(distinguished_names.below(value, self.under) for value in values)


class RoleRule(ClaimRule):
    """Whoever fits has this role."""

    role: MappedRole


class OrganizationRule(ClaimRule):
    """Whoever fits belongs to this organisation, given by id or exact name."""

    organization: str = Field(min_length=1)


class IdentityMapping(BaseModel):
    """From claims to address, organisation and role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organizations: tuple[OrganizationRule, ...] = ()
    default_organization: str = ""
    roles: tuple[RoleRule, ...] = ()
    default_role: MappedRole | None = None
    email_claims: tuple[str, ...] = Field(default=("email",), min_length=1)
    email_verified_claim: str = "email_verified"
    trusted_email_domains: tuple[str, ...] = Field(
        default=(), description="Addresses of these domains count as verified without a claim that says so."
    )
    require_verified_email: bool = True
    link_existing_accounts: bool = Field(
        default=False, description="A verified address may take over the account of the same address and organisation."
    )

    def identity(self, issuer: str, subject: str, claims: Mapping[str, JsonValue]) -> FederatedIdentity:
        """The person with their place.

        Raises:
            AuthorizationError: No verified address, or no rule gives them an organisation and a role.
        """
        if not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise AuthorizationError("The sign-in service does not say who you are.", next_step=_ASK)
        email = next((value for name in self.email_claims for value in texts(claims, name) if value), "")
        email = email.strip().lower()
        verified = self._is_verified(email, claims)
        if not 3 <= len(email) <= _LONGEST_EMAIL or "@" not in email:
            raise AuthorizationError("The sign-in service does not tell your e-mail address.", next_step=_ASK)
        if self.require_verified_email and not verified:
            raise AuthorizationError("Your e-mail address is not verified there.", next_step="Have it verified first.")
        organization = next((rule.organization for rule in self.organizations if rule.fits(claims)), "")
        organization = organization or self.default_organization
        role = next((rule.role for rule in self.roles if rule.fits(claims)), self.default_role)
        if not organization or role is None:
            raise AuthorizationError("None of your groups may use this.", next_step=_ASK)
        return FederatedIdentity(
            issuer=issuer,
            subject=subject,
            email=email,
            organization=organization,
            role=Role(role),
            role_follows=bool(self.roles),
            may_link=self.link_existing_accounts and verified,
        )

    def _is_verified(self, email: str, claims: Mapping[str, JsonValue]) -> bool:
        domain = email.rpartition("@")[2]
        if domain and domain in {trusted.lower() for trusted in self.trusted_email_domains}:
            return True
        return bool(self.email_verified_claim) and texts(claims, self.email_verified_claim) == ["true"]


def texts(claims: Mapping[str, JsonValue], name: str) -> list[str]:
    """The values of a claim as texts; truth values as ``true`` and ``false``, none for what is absent."""
    found: JsonValue = claims.get(name)
    if found is None and "." in name:
        found = dict(claims)
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    values: Sequence[JsonValue] = found if isinstance(found, list) else [found]
    return [_text(value) for value in values if isinstance(value, str | bool | int)]


def _text(value: str | bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
