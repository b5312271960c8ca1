"""Does a file begin as JSON does?

Types are told by the first bytes of a file, and those of a long JSON file are no JSON: they end in the middle. What can
be judged is whether they could go on to be it. Brackets are counted on a list of our own, so that a file of nothing but
opening brackets costs memory in proportion, not the interpreter's stack.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""[ \t\n\r]*(?: (?P<open>[\[{]) | (?P<close>[\]}]) | (?P<comma>,) | (?P<colon>:)
    | (?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")
    | (?P<scalar>(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])) )""",
    re.VERBOSE,
)
_UNFINISHED: Final = re.compile(
    r"""[ \t\n\r]*(?:
      "(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(?:\\(?:u[0-9a-fA-F]{0,3})?)?
    | [-+.\w]{0,40})""",
    re.VERBOSE,
)
"""What a cut may leave of a token: a string without its end, or a piece of a number or word."""

# What may come next: a value, a value or the end of an empty list, a key, a key or the end of an empty object, the
# colon behind a key, a comma or the end, nothing more.
_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY, _COLON, _MORE, _NOTHING = range(7)
_VALUES: Final = (_VALUE, _FIRST_VALUE)


def begins_json(head: bytes, *, cut: bool) -> bool:
    """Whether these bytes are a JSON object or list, or with ``cut`` the beginning of one."""
    try:
        decoder = codecs.getincrementaldecoder(json.detect_encoding(head))()
        text = decoder.decode(head, final=not cut)
    except UnicodeDecodeError:
        return False
    if not text.lstrip().startswith(("{", "[")):
        return False
    inside: list[str] = []
    awaited, position = _VALUE, 0
    while token := _TOKEN.match(text, position):
        following = _after(token, awaited, inside)
        if following is None:
            return False
        awaited, position = following, token.end()
    rest = text[position:]
    if awaited == _NOTHING or not rest.strip():
        return not rest.strip() and (cut or awaited == _NOTHING)
    return cut and _UNFINISHED.fullmatch(rest) is not None


def _after(token: re.Match[str], awaited: int, inside: list[str]) -> int | None:
    """What may follow the token, or None where it may not stand; keeps the open brackets."""
    match token.lastgroup:
        case "open" if awaited in _VALUES:
            inside.append(token["open"])
            return _FIRST_KEY if inside[-1] == "{" else _FIRST_VALUE
        case "close" if inside and awaited in (_MORE, _FIRST_KEY if inside[-1] == "{" else _FIRST_VALUE):
            if inside.pop() + token["close"] not in ("{}", "[]"):
                return None
            return _MORE if inside else _NOTHING
        case "comma" if awaited == _MORE:
            return _KEY if inside[-1] == "{" else _VALUE
        case "colon" if awaited == _COLON:
            return _VALUE
        case "string" if awaited in (_KEY, _FIRST_KEY):
            return _COLON
        case "string" | "scalar" if awaited in _VALUES:
            return _MORE
    return None
