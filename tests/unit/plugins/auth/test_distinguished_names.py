"""Are names of a directory compared as the directory would?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.auth.distinguished_names import below, parse, same

ADMINS = "cn=kf-admins,ou=groups,dc=example,dc=org"


@pytest.mark.parametrize(
    "written",
    [
        ADMINS,
        "CN=KF-Admins, OU=Groups, DC=Example, DC=Org",
        "cn = kf-admins , ou=groups,dc=example,dc=org",
        r"cn=kf\2dadmins,ou=groups,dc=example,dc=org",
    ],
)
def test_same_name_however_it_is_written(written: str) -> None:
    assert same(written, ADMINS)


@pytest.mark.parametrize(
    "written",
    [
        "cn=kf-admins,ou=others,dc=example,dc=org",
        "cn=kf-admins,ou=groups,dc=example,dc=org,dc=evil",
        "ou=groups,cn=kf-admins,dc=example,dc=org",
        r"cn=kf-admins\,ou=groups,dc=example,dc=org",
        r"cn=kf-admins\2cou=groups,dc=example,dc=org",
        r"cn=kf-admins\\,ou=groups,dc=example,dc=org",
        "cn=kf-admins+cn=x,ou=groups,dc=example,dc=org",
        "kf-admins",
        "",
    ],
)
def test_another_name_is_another(written: str) -> None:
    assert not same(written, ADMINS)


def test_parts_of_one_level_have_no_order() -> None:
    assert same("cn=a+uid=b,dc=x", "uid=b+cn=a,dc=x")
    assert not same("cn=a+uid=b,dc=x", "cn=a,uid=b,dc=x")


def test_texts_that_are_no_names_are_compared_letter_by_letter() -> None:
    assert same("Admins", "Admins")
    assert not same("Admins", "admins")


def test_below_means_in_the_tree_and_not_the_top_itself() -> None:
    assert below(ADMINS, "OU=groups,dc=example,dc=org")
    assert below(ADMINS, "dc=org")
    assert not below("ou=groups,dc=example,dc=org", "ou=groups,dc=example,dc=org")
    assert not below("cn=ou=groups\\,dc=example,dc=org", "dc=example,dc=org")
    assert not below("kf-admins", "dc=org")


@pytest.mark.parametrize("text", ["", "a", "=x", "cn=", "cn=a,,dc=b", "cn=a,", "1.2.=x", "cn=a\\", r"cn=\ff\fe"])
def test_what_is_no_name_is_not_read_as_one(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    parse(text)
    parse(f"cn={text}")


@given(st.text(min_size=1, max_size=30))
def test_escaped_value_means_the_value(value: str) -> None:
    escaped = "".join(f"\\{byte:02x}" for byte in value.encode())
    assert parse(f"cn={escaped},dc=x") == (
        frozenset({("cn", " ".join(value.split()).casefold())}),
        frozenset({("dc", "x")}),
    )


@pytest.mark.parametrize("text", ["cn=" + " " * 1_990, "cn=" + "\\ " * 990, "=" * 2_000, "a" * 2_000, "," * 100_000])
@pytest.mark.timeout(60)  # whoever looks at every pair of characters takes far longer
def test_long_texts_are_read_to_their_end(text: str) -> None:
    parse(text)
