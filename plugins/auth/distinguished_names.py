"""Are two names of a directory the same?

Groups of an LDAP directory come as distinguished names (RFC 4514), whose attribute types and usual values ignore case,
and whose spaces around separators mean nothing. Comparing text would be too strict, cutting out ``cn=`` too lax:
anybody who may make a group anywhere in the directory could name it like that of the administrators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

Name: TypeAlias = tuple[frozenset[tuple[str, str]], ...]
_LONGEST = 2_000
_PAIR = re.compile(r"\s*([A-Za-z][\w-]*|\d+(?:\.\d+)*)\s*=\s*((?:[^\\]|\\.)*?)\s*", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2})|\\(.)", re.DOTALL)


def parse(text: str) -> Name | None:
    """The name, innermost part first; None when the text is no distinguished name."""
    if len(text) > _LONGEST:
        return None
    parts = []
    for part in _split(text, ","):
        pairs = [_pair(pair) for pair in _split(part, "+")]
        known = [pair for pair in pairs if pair is not None]
        if len(known) != len(pairs):
            return None
        parts.append(frozenset(known))
    return tuple(parts)


def same(left: str, right: str) -> bool:
    """Whether both name the same thing; texts that are no distinguished names must be equal letter by letter."""
    if left == right:
        return True
    parsed = parse(left)
    return parsed is not None and parsed == parse(right)


def below(inner: str, outer: str) -> bool:
    """Whether the first lies somewhere under the second in the tree."""
    child, parent = parse(inner), parse(outer)
    return child is not None and parent is not None and len(child) > len(parent) and child[-len(parent) :] == parent


def _split(text: str, separator: str) -> Iterator[str]:
    start, escaped = 0, False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == separator:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _pair(text: str) -> tuple[str, str] | None:
    match = _PAIR.fullmatch(text)
    if match is None or not match[2]:
        return None
    raw = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else found[2], match[2].encode())
    try:
        value = raw.decode()
    except UnicodeDecodeError:
        return None
    return match[1].lower(), " ".join(value.split()).casefold()
