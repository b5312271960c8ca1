"""How are random tokens made, stored and compared?

Tokens carry 256 random bits, so their digest needs no salt and no slow hash: it can be looked up by equality.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Final

_RANDOM_BYTES: Final = 32
_MAX_LENGTH: Final = 256


class TokenPurpose(StrEnum):
    """What a token is for; its prefix makes a leaked one recognisable and keeps one kind from passing as another."""

    API_KEY = "kfk"
    REFRESH = "kfr"
    SIGN_IN_LINK = "kfl"
    INVITATION = "kfi"
    PASSWORD_RESET = "kfp"
    CSRF = "kfc"
    SHARE = "kfs"


def new_token(purpose: TokenPurpose) -> str:
    """A fresh token: the purpose's prefix, an underscore and 43 URL-safe characters."""
    return f"{purpose.value}_{secrets.token_urlsafe(_RANDOM_BYTES)}"


def has_purpose(token: str, purpose: TokenPurpose) -> bool:
    """Whether a presented string looks like a token of this purpose; says nothing about its validity."""
    return len(token) <= _MAX_LENGTH and token.isascii() and token.startswith(f"{purpose.value}_")


def digest(token: str) -> str:
    """SHA-256 as 64 hex characters: what is stored and looked up instead of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def matches(token: str, stored_digest: str) -> bool:
    """Whether the token has this digest, in time that does not depend on where they differ."""
    return hmac.compare_digest(digest(token).encode("ascii"), stored_digest.encode("utf-8", "surrogatepass"))
