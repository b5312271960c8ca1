"""Who may do what?"""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AuthorizationError
from core.identity import Principal, Role, Scope


def principal(role: Role, scopes: frozenset[Scope] = frozenset(Scope)) -> Principal:
    return Principal(uuid4(), uuid4(), role, "a@b.example", scopes)


@given(st.sampled_from(Role), st.sampled_from(Role))
def test_roles_are_one_ladder(one: Role, other: Role) -> None:
    assert one.includes(other) or other.includes(one)
    assert (one.includes(other) and other.includes(one)) == (one is other)


def test_the_ladder_is_viewer_editor_admin_operator() -> None:
    assert [role for role in Role if Role.ADMIN.includes(role)] == [Role.VIEWER, Role.EDITOR, Role.ADMIN]


def test_a_lower_role_is_refused_and_told_which_is_needed() -> None:
    with pytest.raises(AuthorizationError, match="needs the role editor; yours is viewer"):
        principal(Role.VIEWER).require(Role.EDITOR)


def test_a_credential_without_the_scope_is_refused_whatever_the_role() -> None:
    with pytest.raises(AuthorizationError, match="no write scope"):
        principal(Role.OPERATOR, frozenset({Scope.READ})).require(Role.VIEWER, Scope.WRITE)


def test_role_and_scope_together_pass() -> None:
    principal(Role.EDITOR, frozenset({Scope.READ, Scope.WRITE})).require(Role.EDITOR, Scope.WRITE)
