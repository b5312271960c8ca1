"""Do claims give somebody the place the settings say, and no other?"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import AuthorizationError
from core.identity import Role
from core.types import JsonValue
from plugins.auth.mapping import IdentityMapping
from plugins.interfaces import FederatedIdentity

CLAIMS: dict[str, JsonValue] = {"email": "a@x.example", "email_verified": True}


def placed(claims: dict[str, JsonValue], **mapping: Any) -> FederatedIdentity:
    given = {"default_organization": "alpha", "default_role": "viewer", **mapping}
    return IdentityMapping.model_validate(given).identity("https://issuer.example", "s", {**CLAIMS, **claims})


def test_first_rule_that_fits_counts() -> None:
    roles = [
        {"claim": "groups", "equals": "b", "role": "editor"},
        {"claim": "groups", "equals": "a", "role": "admin"},
    ]
    assert placed({"groups": ["a", "b"]}, roles=roles).role is Role.EDITOR
    assert placed({"groups": "a"}, roles=roles).role is Role.ADMIN
    assert placed({"groups": ["ab", "A", " a"]}, roles=roles).role is Role.VIEWER


def test_claims_inside_others_and_claims_with_dots_are_found() -> None:
    inside = [{"claim": "realm_access.roles", "equals": "boss", "role": "admin"}]
    assert placed({"realm_access": {"roles": ["boss"]}}, roles=inside).role is Role.ADMIN
    assert placed({"realm_access": "boss"}, roles=inside).role is Role.VIEWER
    dotted = [{"claim": "https://x.example/roles", "equals": "boss", "role": "admin"}]
    assert placed({"https://x.example/roles": ["boss"]}, roles=dotted).role is Role.ADMIN


def test_directory_decides_on_the_organisation() -> None:
    organizations = [
        {"claim": "dn", "under": "ou=sales,dc=x", "organization": "Sales"},
        {"claim": "dn", "under": "ou=law,dc=x", "organization": "Law"},
    ]
    assert placed({"dn": "cn=a,ou=law,dc=x"}, organizations=organizations).organization == "Law"
    assert placed({"dn": "cn=a,ou=it,dc=x"}, organizations=organizations).organization == "alpha"
    with pytest.raises(AuthorizationError):
        placed({"dn": "cn=a,ou=it,dc=x"}, organizations=organizations, default_organization="")


def test_whoever_no_rule_fits_stays_out_without_a_default() -> None:
    with pytest.raises(AuthorizationError, match="None of your groups"):
        placed({"groups": ["x"]}, default_role=None)


@pytest.mark.parametrize("value", [False, "false", "True ", 1, None, ["true", "false"], {"true": True}])
def test_only_a_plain_yes_verifies_an_address(value: JsonValue) -> None:
    with pytest.raises(AuthorizationError, match="not verified"):
        placed({"email_verified": value})


def test_link_needs_permission_and_a_verified_address() -> None:
    assert placed({}, link_existing_accounts=True).may_link
    assert not placed({}).may_link
    unverified: dict[str, JsonValue] = {"email_verified": False}
    assert not placed(unverified, link_existing_accounts=True, require_verified_email=False).may_link


@pytest.mark.parametrize("email", [None, "", "nobody", "a" * 300 + "@x.example", 7, ["", None]])
def test_without_an_address_there_is_no_account(email: JsonValue) -> None:
    with pytest.raises(AuthorizationError, match="e-mail"):
        placed({"email": email}, require_verified_email=False)


@pytest.mark.parametrize(
    "rule",
    [
        {"claim": "g", "role": "admin"},
        {"claim": "g", "equals": "a", "under": "dc=x", "role": "admin"},
        {"claim": "g", "under": "no name", "role": "admin"},
        {"claim": "g", "equals": "a", "role": "operator"},
        {"claim": "", "equals": "a", "role": "admin"},
    ],
    ids=["no condition", "two", "no directory", "operator", "no claim"],
)
def test_rule_that_could_mean_anything_is_a_mistake(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        IdentityMapping.model_validate({"roles": [rule]})
