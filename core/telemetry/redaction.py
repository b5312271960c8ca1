"""What must never reach a log, a span or a screen?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_SECRET_KEY: Final = re.compile(
    r"passw(or)?d|passphrase|secret|credential|api_?key|private_?key|authorization|cookie|(^|_)(token|jwt|dsn)$",
    re.IGNORECASE,
)
_URL_PASSWORD: Final = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE)
_BEARER: Final = re.compile(r"\b(?P<before>Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_KNOWN_TOKEN: Final = re.compile(r"\b(?P<before>sk-|kf[a-z]_)[\w-]{12,}")
_HIDDEN: Final = "[redacted]"
_DEPTH: Final = 6


def redact(value: Any, *, _depth: int = 0) -> Any:
    """The value without what must not be logged: secret-named keys, passwords in URLs, bearer and API tokens."""
    if isinstance(value, str):
        for pattern in (_URL_PASSWORD, _BEARER, _KNOWN_TOKEN):
            value = pattern.sub(rf"\g<before>{_HIDDEN}", value)
        return value
    if _depth >= _DEPTH:
        return _HIDDEN
    if isinstance(value, Mapping):
        return {
            key: _HIDDEN if _SECRET_KEY.search(str(key)) and item is not None else redact(item, _depth=_depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, _depth=_depth + 1) for item in value]
    return value
