"""Are random tokens random, recognisable and compared safely?"""

from __future__ import annotations

import hashlib
import hmac

import pytest

from core.security import tokens
from core.security.tokens import TokenPurpose


@pytest.mark.parametrize("purpose", TokenPurpose)
def test_tokens_are_long_random_and_say_what_they_are_for(purpose: TokenPurpose) -> None:
    made = {tokens.new_token(purpose) for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) == len(purpose) + 1 + 43 for token in made)
    for other in TokenPurpose:
        assert all(tokens.has_purpose(token, other) is (other is purpose) for token in made)


def test_strings_that_cannot_be_tokens_have_no_purpose() -> None:
    for text in ("", "kfk", "kfk_" + "a" * 300, "kfk_ü", "KFK_abc"):
        assert not tokens.has_purpose(text, TokenPurpose.API_KEY)


def test_the_digest_is_plain_sha256_and_not_the_token() -> None:
    token = tokens.new_token(TokenPurpose.API_KEY)
    assert tokens.digest(token) == hashlib.sha256(token.encode()).hexdigest()


def test_only_the_token_itself_matches_its_digest() -> None:
    token = tokens.new_token(TokenPurpose.SHARE)
    stored = tokens.digest(token)
    assert tokens.matches(token, stored)
    for wrong in ("", token[:-1], token + "x", stored, "\ud800"):
        assert not tokens.matches(wrong, stored)
    for damaged in ("", stored[:-1], "ü", stored.upper()):
        assert not tokens.matches(token, damaged)


def test_the_comparison_is_the_constant_time_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def comparing(left: bytes, right: bytes) -> bool:
        seen.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", comparing)
    assert tokens.matches("a", tokens.digest("a"))
    assert len(seen) == 1
