"""Which links in an answer may be clicked, and what is shown of the others?

A link to another house tells that house whatever stands in its address, and a picture does so without a click. So both
are shown as text, with their address in view, unless their host is allowed. Links within this house stay as they are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from urllib.parse import urlsplit

_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)", re.DOTALL)
_FENCE = re.compile(r"\s*```\w*\s*")
_BARE = r"(?:[a-z][a-z0-9+.-]{1,20}:/{1,}|www\.)[^\s<>`\"'|\[\]()]*(?:\([^\s<>`\"'|\[\]()]*\)[^\s<>`\"'|\[\]()]*)*"
_LINK = re.compile(
    r"(?P<image>!)?\[(?P<label>(?:[^\[\]]|\[[^\[\]]*\])*)\]"
    r"\(\s*(?:<(?P<angled>[^<>\n]*)>|(?P<plain>(?:[^\s()]|\([^\s()]*\))*))(?:\s+[^()]*)?\s*\)"
    rf"|<(?P<auto>{_BARE})>|(?P<bare>{_BARE})",
    re.IGNORECASE,
)
_TAG = re.compile(
    r"<(?=\s*/?\s*(?:a|area|audio|base|embed|form|iframe|image|img|input|link|meta|object|script|source|style|svg|track"
    r"|video)\b)",
    re.IGNORECASE,
)
_DEFINITION = re.compile(r"\]:(?=\s*(?:[<&/\\]|\w+:))")
_ELSEWHERE = re.compile(r"^(\s*)([/\\]{2}[^\s`]+)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_ENDS = ".,;:!?"


def inert(text: str, allowed: Collection[str] = ()) -> str:
    """A sentence of Markdown of which no link or picture leads out of the house.

    Works sentence by sentence: what one leaves open, no later one can close into a link.

    Args:
        allowed: Hosts that may be linked; ``*.host`` means those below it.
    """
    if _FENCE.fullmatch(text):
        return text
    done, position = "", 0
    for code in _CODE.finditer(text):
        done += _outside_code(text[position : code.start()], allowed) + code.group()
        position = code.end()
    return done + _outside_code(text[position:], allowed)


def _outside_code(text: str, allowed: Collection[str]) -> str:
    # A backtick that is left could close a piece of code which a sentence before it opened.
    text = _ELSEWHERE.sub(r"\1`\2`", _TAG.sub("&lt;", text.replace("`", "")))
    found, position = "", 0
    for match in _LINK.finditer(text):
        found += _unlinked(text[position : match.start()]) + _shown(match, allowed)
        position = match.end()
    return found + _unlinked(text[position:])


def _unlinked(text: str) -> str:
    """Half a link, whose other half may stand in the next sentence, is none."""
    return _DEFINITION.sub("] :", text.replace("](", "] ("))


def _shown(match: re.Match[str], allowed: Collection[str]) -> str:
    if bare := match["bare"] or match["auto"]:
        address = bare.rstrip(_ENDS)
        end = bare[len(address) :] if match["bare"] else ""
        return match.group() if stays(bare, allowed) else f"`{address}`{end}"
    target = match["angled"] if match["angled"] is not None else match["plain"]
    if stays(target, allowed):
        # The label of a link may hold a picture.
        return match.group() if "](" not in match["label"] else f"{inert(match['label'], allowed)} (`{target}`)"
    label = inert(match["label"], allowed).strip()
    address = f"(`{_one_line(target)}`)"
    return f"{label} {address}" if label else address


def _one_line(target: str) -> str:
    return " ".join(target.replace("`", "").split())


def stays(target: str, allowed: Collection[str]) -> bool:
    """Whether an address lies in this house or on a host that is allowed."""
    address = _ESCAPED.sub(r"\1", html.unescape(target)).strip()
    if address.lower().startswith("www."):
        address = f"https://{address}"
    address = address.replace("\\", "/")
    if not address.startswith("//") and not re.match(r"[\w+.-]*:", address):
        return True
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    return parts.scheme.lower() in {"", "http", "https"} and _is_allowed(host, allowed)


def _is_allowed(host: str, allowed: Collection[str]) -> bool:
    return any(
        host.endswith(name[1:].lower()) if name.startswith("*.") else host == name.lower() for name in allowed if host
    )
