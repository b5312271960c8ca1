"""How does a receiver know that a message is ours and new?

Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 over id, timestamp and body, joined by dots, with
a key of 24 to 64 bytes that is written ``whsec_`` and base64. A header may carry several signatures, parted by spaces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)


def key_of(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: It is none; the message does not repeat it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or len(key) not in _KEY_BYTES:
        raise ValueError(f"must be {PREFIX} and 24 to 64 bytes in base64")
    return key


def signed_headers(message_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers; ``timestamp`` is in seconds since 1970, of this attempt."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
