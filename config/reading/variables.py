"""What follows from a ``${VAR}`` that is not set, and how does one get it?

In options of plugins what lies below the reference holds, where something does; elsewhere only where base.yaml says
that a key may be empty. An entry that is off needs nothing; one that cannot work
without is switched off where others can do its work. Everything else keeps the application from starting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config.mistakes import Mistake, is_secret
from config.notices import Notice
from config.reading.entries import STORES
from config.reading.layers import Leaf, Tree, plain
from core.plugin_kinds import SETTINGS_KEYS

OPTIONAL = tuple(SETTINGS_KEYS[kind] for kind in ("llm", "reranker", "auth", "notifier", "cache", "rate_limiter"))
"""Kinds of which an entry can be missed: another one, or nobody, does its work."""
_TRACING = "tracing"
_HOW: Mapping[str, str] = {
    "DB_PASSWORD": "the password of that role in PostgreSQL. To have foundry up bring a PostgreSQL of its own, set "
    "FOUNDRY__database__host to nothing",
    "REDIS_PASSWORD": "what requirepass says in redis.conf",
    "JWT_SECRET_KEY": "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
    "OPENAI_API_KEY": "a key from platform.openai.com, API keys",
    "OPENAI_ORG_ID": "platform.openai.com, Settings, Organization",
    "ANTHROPIC_API_KEY": "a key from console.anthropic.com, API keys",
    "LANGFUSE_PUBLIC_KEY": "in Langfuse: Settings, API keys",
    "LANGFUSE_SECRET_KEY": "in Langfuse: Settings, API keys",
    "GOOGLE_CLIENT_ID": "console.cloud.google.com, APIs & Services, Credentials, OAuth client ID",
    "GOOGLE_CLIENT_SECRET": "console.cloud.google.com, APIs & Services, Credentials, OAuth client ID",
    "SMTP_HOST": "the name of the mail server, from whoever runs it",
    "SMTP_USER": "the account on the mail server, from whoever runs it",
    "SMTP_PASSWORD": "the password of that account",
    "FROM_EMAIL": "the address mails are sent from, such as foundry@example.org",
    "SLACK_WEBHOOK_URL": "api.slack.com/apps, Incoming Webhooks",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A variable that is not set.

    Attributes:
        gave_way: Whether a layer below has a value, which holds now.
    """

    variable: str
    key: str
    origin: str
    gave_way: bool


def how_to_get(variable: str) -> str:
    """Where its value comes from; empty when nothing is known about it."""
    return _HOW.get(variable, "")


def settle(
    tree: Tree,
    missing: Sequence[Missing],
    is_set: Callable[[str], bool],
    notices: list[Notice],
    mistakes: list[Mistake],
) -> None:
    """Decide what each missing variable means; switches off in ``tree`` what cannot work."""
    off = {item.key for item in missing if _is_off(_owner(tree, item.key), item.key)}
    for item in missing:
        if item.key in off or _not_needed(tree, item.key):
            continue
        owner, name = _owner(tree, item.key), _name_of(item.key)
        if owner is not None and _cannot_work(owner, item, is_set):
            if name.partition(".")[0] in (*OPTIONAL, _TRACING):
                owner["enabled"] = Leaf(False, f"{item.variable} is not set", literal=True)
                notices.append(_notice(item, f"{name} is switched off"))
            else:
                mistakes.append(_mistake(item))
        elif item.gave_way and (owner is not None or _may_be_empty(tree, item.key)):
            notices.append(_notice(item, "it is left out"))
        else:
            mistakes.append(_mistake(item))


def _may_be_empty(tree: Tree, key: str) -> bool:
    """Whether a layer below says in so many words that nothing may stand there."""
    *path, last = key.split(".")
    leaf = (_section(tree, *path) or {}).get(last)
    return isinstance(leaf, Leaf) and leaf.value == ""


def _cannot_work(owner: Tree, item: Missing, is_set: Callable[[str], bool]) -> bool:
    """Whether nothing stands for the variable: no layer below, or only an empty key where one enables the entry."""
    if not item.gave_way:
        return True
    node = owner.get("enabled_by")
    names = node.value if isinstance(node, Leaf) and isinstance(node.value, list) else []
    return bool(names) and is_secret(item.key) and not any(is_set(str(name)) for name in names)


def _notice(item: Missing, consequence: str) -> Notice:
    how = how_to_get(item.variable)
    return Notice(
        item.origin, item.key, f"{item.variable} is not set; {consequence}.{f' How to get it: {how}.' if how else ''}"
    )


def _mistake(item: Missing) -> Mistake:
    how = how_to_get(item.variable)
    return Mistake(
        item.origin,
        item.key,
        f"${{{item.variable}}}, and {item.variable} is not set",
        f"set {item.variable}{f': {how}' if how else ', or give a default'}",
    )


def _owner(tree: Tree, key: str) -> Tree | None:
    """The entry of plugins, or the section for tracing, that a key belongs to; None for a key of its own."""
    parts = key.split(".")
    if len(parts) > 3 and parts[0] == "plugins" and parts[1] in SETTINGS_KEYS.values():
        return _section(tree, *parts[:3])
    return _section(tree, *parts[:2]) if parts[:2] == ["observability", _TRACING] else None


def _name_of(key: str) -> str:
    parts = key.split(".")
    return ".".join(parts[1:3]) if parts[0] == "plugins" else parts[1]


def _section(tree: Tree, *path: str) -> Tree | None:
    node: Leaf | Tree | None = tree
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _not_needed(tree: Tree, key: str) -> bool:
    """Whether the store it is for is not in use, is one that ``foundry up`` brings, or a socket without a password."""
    parts = key.split(".")
    if parts[:2] == ["plugins", STORES]:
        return parts[2] not in _stores_in_use(tree)
    section, _, name = key.partition(".")
    if (section, name) not in (("database", "password"), ("redis", "password")):
        return False
    host = str(plain(tree.get(section, {})).get("host") or "")
    return not host or host.startswith("/")


def _is_off(owner: Tree | None, key: str) -> bool:
    """Whether nobody asks for what the key belongs to."""
    if owner is None:
        return False
    leaf = owner.get("enabled")
    if isinstance(leaf, Leaf):
        return str(leaf.value).strip().lower() in ("false", "0", "no", "off", "f", "n")
    return not key.startswith("plugins.")


def _stores_in_use(tree: Tree) -> set[str]:
    roles = plain(_section(tree, "plugins", "vector_databases") or {})
    provider = plain(_section(tree, "vector_db") or {}).get("provider") or "pgvector"
    return {str(roles.get("primary") or provider), str(roles.get("fallback") or "")}
