"""Are passwords judged, hashed and compared as promised?"""

from __future__ import annotations

import asyncio
import threading

import bcrypt
import pytest

from core.errors import ValidationError
from core.security import passwords
from core.security.passwords import PasswordRules

CHEAP = 4


def test_a_password_that_keeps_the_rules_passes() -> None:
    PasswordRules().check("Correct-horse7")


@pytest.mark.parametrize(
    ("password", "lacks"),
    [
        ("Short-7", ["at least 12 characters"]),
        ("lower-case-only7", ["an upper-case letter"]),
        ("No-Numbers-Here", ["a number"]),
        ("NoSpecials1234", ["a special character"]),
        ("", ["at least 12 characters", "an upper-case letter", "a number", "a special character"]),
    ],
)
def test_the_refusal_names_everything_that_is_missing(password: str, lacks: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        PasswordRules().check(password)
    assert caught.value.message == f"The password needs {', '.join(lacks)}."


def test_rules_follow_their_parameters() -> None:
    PasswordRules(min_length=3, require_upper=False, require_number=False, require_special=False).check("abc")
    with pytest.raises(ValidationError, match="at least 20"):
        PasswordRules(min_length=20).check("Correct-horse7")


async def test_absurdly_long_passwords_are_refused_before_work_is_done() -> None:
    long = "Aa1-" * 1000
    with pytest.raises(ValidationError, match="longer"):
        PasswordRules().check(long)
    with pytest.raises(ValidationError, match="longer"):
        await passwords.hash_password(long)
    cut = await passwords.hash_password(long[: passwords.MAX_LENGTH], cost=CHEAP)
    assert not await passwords.verify(long, cut)


async def test_the_right_password_fits_and_any_other_does_not() -> None:
    hashed = await passwords.hash_password("Pässwörd-123 😀", cost=CHEAP)
    assert await passwords.verify("Pässwörd-123 😀", hashed)
    assert not await passwords.verify("Pässwörd-123 😁", hashed)
    assert not await passwords.verify("", hashed)


async def test_hashes_are_salted_and_cost_twelve_by_default() -> None:
    first, second = await passwords.hash_password("same"), await passwords.hash_password("same", cost=CHEAP)
    assert first.startswith("$2b$12$")
    assert first != second
    assert passwords.needs_rehash(second)
    assert not passwords.needs_rehash(first)
    assert passwords.needs_rehash("nonsense")


async def test_characters_beyond_the_seventy_second_byte_and_after_a_nul_count() -> None:
    long = "x" * 72
    hashed = await passwords.hash_password(long + "a", cost=CHEAP)
    assert not await passwords.verify(long + "b", hashed)
    nul = await passwords.hash_password("abc\0def", cost=CHEAP)
    assert not await passwords.verify("abc\0xyz", nul)
    assert await passwords.verify("abc\0def", nul)


async def test_an_accent_typed_in_two_ways_is_the_same_password() -> None:
    hashed = await passwords.hash_password("caf\u00e9", cost=CHEAP)
    assert await passwords.verify("cafe\u0301", hashed)


async def test_a_lone_surrogate_is_a_password_like_any_other() -> None:
    hashed = await passwords.hash_password("\ud800", cost=CHEAP)
    assert await passwords.verify("\ud800", hashed)


@pytest.mark.parametrize("hashed", [None, "", "not a hash", "$2b$12$short", "ünïcode"])
async def test_no_account_and_damaged_hashes_say_no_at_full_price(
    hashed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []
    original = bcrypt.checkpw

    def counting(password: bytes, candidate: bytes) -> bool:
        answer = original(password, candidate)
        compared.append(candidate)
        return answer

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    assert not await passwords.verify("anything", hashed)
    assert len(compared) == 1
    assert compared[0].startswith(b"$2b$12$")


async def test_comparing_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = threading.Event()
    # In the thread of the loop nobody would set it.
    monkeypatch.setattr(bcrypt, "checkpw", lambda password, hashed: turned.wait(30))
    check = asyncio.create_task(passwords.verify("x", "$2b$04$"))
    await asyncio.sleep(0)
    turned.set()
    assert await check
