"""How are passwords judged, hashed and compared?

bcrypt reads 72 bytes and stops at a NUL; bcrypt 5 refuses longer input. A password is therefore hashed with SHA-256
first and given to bcrypt as 44 characters of base64, so that every character counts and none is special.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Final

import bcrypt

from core.errors import ValidationError

COST: Final = 12
MAX_LENGTH: Final = 1024
"""Characters; longer input is refused before any work is spent on it."""

# A hash of a random value nobody kept, at the cost above; compared when there is no account, so that the answer takes
# as long as it does for a real one.
_NOBODY: Final = b"$2b$12$pTsLkHzxUKeWPfM/I.KIceeAm25iBbB98ArjS9kwCU1bfNoNi1lVC"


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What a new password must have; the values come from the settings."""

    min_length: int = 12
    require_upper: bool = True
    require_number: bool = True
    require_special: bool = True

    def check(self, password: str) -> None:
        """Refuse a password that breaks the rules, naming all it lacks at once.

        Raises:
            ValidationError: It is too short, too long or lacks a kind of character.
        """
        if len(password) > MAX_LENGTH:
            raise ValidationError(f"The password is longer than {MAX_LENGTH} characters.")
        missing = []
        if len(password) < self.min_length:
            missing.append(f"at least {self.min_length} characters")
        if self.require_upper and not any(character.isupper() for character in password):
            missing.append("an upper-case letter")
        if self.require_number and not any(character.isnumeric() for character in password):
            missing.append("a number")
        if self.require_special and not any(not character.isalnum() for character in password):
            missing.append("a special character")
        if missing:
            raise ValidationError(f"The password needs {', '.join(missing)}.")


def _digest(password: str) -> bytes:
    # One spelling of each character, or an accent typed on another keyboard would lock its owner out.
    normal = unicodedata.normalize("NFKC", password)
    return base64.b64encode(hashlib.sha256(normal.encode("utf-8", "surrogatepass")).digest())


async def hash_password(password: str, *, cost: int = COST) -> str:
    """A salted bcrypt hash, made in a thread (about 0.2 s of CPU at cost 12).

    Raises:
        ValidationError: Longer than ``MAX_LENGTH``.
    """
    if len(password) > MAX_LENGTH:
        raise ValidationError(f"The password is longer than {MAX_LENGTH} characters.")
    hashed = await asyncio.to_thread(bcrypt.hashpw, _digest(password), bcrypt.gensalt(cost))
    return hashed.decode("ascii")


async def verify(password: str, hashed: str | None) -> bool:
    """Whether the password fits the hash, in a thread and always at the price of one comparison.

    Without an account (None) or with a damaged hash the work is done against a hash of nobody's, and the answer is no.
    """
    known = hashed is not None and len(password) <= MAX_LENGTH
    candidate = hashed.encode("utf-8") if hashed is not None and known else _NOBODY
    attempt = _digest(password[:MAX_LENGTH])
    try:
        fits = await asyncio.to_thread(bcrypt.checkpw, attempt, candidate)
    except ValueError:
        await asyncio.to_thread(bcrypt.checkpw, attempt, _NOBODY)
        return False
    return fits and known


def needs_rehash(hashed: str, *, cost: int = COST) -> bool:
    """Whether a hash was made at a lower cost than today's and should be renewed at the next sign-in."""
    parts = hashed.split("$")
    return len(parts) != 4 or not parts[2].isdigit() or int(parts[2]) < cost
