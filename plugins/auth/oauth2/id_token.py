"""Is this ID token one of the issuer's, for us, for this sign-in, and now?

The checks of OpenID Connect Core 1.0, section 3.1.3.7, and of RFC 8725: algorithms come from the settings, never from
the token, and the key must be of the kind the algorithm needs.
"""

from __future__ import annotations

import base64
import hmac
from typing import Any

import jwt
from jwt import PyJWK

from plugins.auth.oauth2.options import OAuth2Options


class RefusedTokenError(Exception):
    """The token proves nothing; the message is for the log and holds nothing of the token."""


def header_of(token: str, options: OAuth2Options) -> tuple[str | None, str]:
    """(key id, algorithm), the latter one of those allowed.

    Raises:
        RefusedTokenError: No token, or another algorithm.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise RefusedTokenError("malformed") from error
    algorithm = header.get("alg")
    if algorithm not in options.algorithms:
        raise RefusedTokenError("algorithm_not_allowed")
    if "crit" in header:
        raise RefusedTokenError("critical_header")
    key_id = header.get("kid")
    return (key_id if isinstance(key_id, str) else None), algorithm


def claims_of(token: str, key: PyJWK, options: OAuth2Options, *, nonce: str, access_token: str) -> dict[str, Any]:
    """What the token says, once everything about it is right.

    Raises:
        RefusedTokenError: Something is not.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=options.client_id,
            issuer=options.issuer,
            leeway=options.clock_skew_s,
            options={"require": ["exp", "iat", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise RefusedTokenError(type(error).__name__) from error
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise RefusedTokenError("nonce")
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", options.client_id) != options.client_id or (len(audience) > 1 and "azp" not in claims):
        raise RefusedTokenError("authorized_party")
    if "at_hash" in claims and not hmac.compare_digest(str(claims["at_hash"]).encode(), _half_hash(key, access_token)):
        raise RefusedTokenError("access_token_hash")
    return claims


def _half_hash(key: PyJWK, access_token: str) -> bytes:
    digest = key.Algorithm.compute_hash_digest(access_token.encode())
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
