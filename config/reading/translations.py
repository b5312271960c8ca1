"""What were settings called in releases 0.1 to 0.3, and what are they called now?

The only place that knows the former names. Files, variables and settings that were saved are translated when they are
read, each with one line that says so; nothing is rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from config.mistakes import Mistake
from config.notices import Notice
from config.reading.celery import celery_as_queue
from config.reading.entries import by_name
from core.plugin_kinds import SETTINGS_KEYS

Value = Callable[[Any], Any]
SETTING = "setting://"


def _an_hour(value: Any) -> Any:
    return f"{value}/hour" if isinstance(value, int) or str(value).isdigit() else value


def _same(value: Any) -> Any:
    return value


KEYS: Mapping[str, tuple[str, Value]] = {
    "auth.algorithm": ("auth.jwt_algorithm", _same),
    "auth.access_token_minutes": ("auth.access_token_expire_minutes", _same),
    "auth.refresh_token_days": ("auth.refresh_token_expire_days", _same),
    "auth.password_require_uppercase": ("auth.require_uppercase", _same),
    "auth.password_require_number": ("auth.require_numbers", _same),
    "auth.password_require_special": ("auth.require_special_chars", _same),
    "rate_limiting.default_per_hour": ("rate_limiting.default_limit", _an_hour),
    "rate_limiting.viewer_per_hour": ("rate_limiting.role_limits.viewer", _an_hour),
    "rate_limiting.editor_per_hour": ("rate_limiting.role_limits.editor", _an_hour),
    "rate_limiting.admin_per_hour": ("rate_limiting.role_limits.admin", _an_hour),
    "rate_limiting.organization_per_hour": ("rate_limiting.organization_limit", _an_hour),
    "rate_limiting.ip_per_hour": ("rate_limiting.ip_limit", _an_hour),
    "rate_limiting.reads_per_hour": ("rate_limiting.read_limit", _an_hour),
    "observability.tracing.host": ("observability.tracing.langfuse_host", _same),
    "observability.tracing.public_key": ("observability.tracing.langfuse_public_key", _same),
    "observability.tracing.secret_key": ("observability.tracing.langfuse_secret_key", _same),
    "ingestion.supported_types": ("ingestion.supported_mime_types", _same),
    **{f"plugins.{kind}": (f"plugins.{key}", _same) for kind, key in SETTINGS_KEYS.items() if kind != key},
}
VALUES: Mapping[str, Mapping[str, str]] = {
    "app.environment": {"dev": "development", "prod": "production"},
    # No store ever took another one.
    "vector_db.distance_metric": {"dot": "cosine", "euclidean": "cosine"},
}
_SAID: Mapping[str, str] = {"vector_db.distance_metric": "was never obeyed by a store and is"}
GONE: Mapping[str, str] = {"generation.prompts": "chose among one prompt each, and is gone; remove it."}
"""Keys that nothing replaces, and what is said of them."""
REFERENCES: Mapping[str, str] = {
    "plugins.auth.jwt:JwtAuth": "plugins.auth.jwt:JWTAuthProvider",
    "plugins.auth.oauth2:OAuth2Login": "plugins.auth.oauth2:OAuth2Provider",
    "plugins.embedding.sentence_transformers:SentenceTransformersEmbedding": (
        "plugins.embedding.sentence_transformers:SentenceTransformersProvider"
    ),
    "plugins.vector_db.chroma.provider:ChromaProvider": "plugins.vector_db.chroma:ChromaProvider",
    "plugins.vector_db.pgvector.provider:PgvectorProvider": "plugins.vector_db.pgvector:PgvectorProvider",
    "plugins.vector_db.pinecone.provider:PineconeProvider": "plugins.vector_db.pinecone:PineconeProvider",
    "plugins.vector_db.qdrant.provider:QdrantProvider": "plugins.vector_db.qdrant:QdrantProvider",
}
_MAIL = {
    "host": "smtp_host",
    "port": "smtp_port",
    "username": "smtp_user",
    "password": "smtp_password",
    "sender": "from_email",
}
_TIMEOUT = {"timeout_s": "timeout"}
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "plugins.llm.openai:OpenAIProvider": _TIMEOUT,
    "plugins.llm.azure:AzureProvider": _TIMEOUT,
    "plugins.llm.anthropic:AnthropicProvider": _TIMEOUT,
    "plugins.llm.ollama:OllamaProvider": {"base_url": "host", **_TIMEOUT},
    "plugins.llm.langchain:LangChainProvider": _TIMEOUT,
    "plugins.embedding.sentence_transformers:SentenceTransformersProvider": {"model": "model_name"},
    "plugins.vector_db.chroma:ChromaProvider": {"path": "persist_directory"},
    "plugins.notifier.email:EmailNotifier": _MAIL,
}
"""Former option → option of today, by the plugin's reference of today."""


def translated(
    content: Mapping[str, Any], origin: str, below: Mapping[str, Any], notices: list[Notice], mistakes: list[Mistake]
) -> dict[str, Any]:
    """A layer in the names of today, its entries of plugins in mappings by name.

    Args:
        below: The section ``plugins`` of the layers beneath, which may say what plugin an entry of this layer runs.
        notices: Gets one line for each name that has changed.
    """
    result: dict[str, Any] = _copied(content)
    celery_as_queue(result, origin, notices, mistakes)
    for old, (new, convert) in KEYS.items():
        _move(result, old, new, convert, origin, notices)
    for key, values in VALUES.items():
        _replace(result, key, values, origin, notices)
    for key, said in GONE.items():
        _drop(result, key, said, origin, notices)
    if isinstance(result.get("plugins"), dict):
        result["plugins"] = by_name(result["plugins"], below)
    for key, entry, beneath in _entries(result, below):
        _translate_entry(entry, beneath, key, origin, notices)
    return result


def todays_environment(value: str) -> str:
    """The name of an environment, were it called as in 0.3."""
    return VALUES["app.environment"].get(value, value)


def todays_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry that was kept with ``plugin`` and ``config``, such as that of an index, in the names of today."""
    result: dict[str, Any] = _copied(entry)
    _translate_entry(result, {}, "", "", [])
    return result


def todays_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were saved, in the names of today."""
    return translated(content, "", {}, [], [])


def todays_change(key: str, value: Any) -> tuple[str, Any]:
    """One dotted key and its new value, in the names of today; None stays None."""
    _, convert = KEYS.get(key, (key, _same))
    return todays_key(key), convert(value) if value is not None else None


def todays_key(key: str) -> str:
    """The dotted key of a setting in the names of today."""
    for old, (new, _) in KEYS.items():
        if key == old or key.startswith(f"{old}."):
            return f"{new}{key[len(old) :]}"
    return key


def _move(content: dict[str, Any], old: str, new: str, convert: Value, origin: str, notices: list[Notice]) -> None:
    *path, last = old.split(".")
    section = _section(content, path)
    if section is None or last not in section:
        return
    value = convert(section.pop(last))
    *path, last = new.split(".")
    target = content
    for part in path:
        if not isinstance(target.get(part), dict):
            target[part] = {}
        target = target[part]
    target[last] = _joined(value, target[last]) if last in target else value
    notices.append(Notice(origin, old, f"is called {new} now."))


def _drop(content: dict[str, Any], key: str, said: str, origin: str, notices: list[Notice]) -> None:
    *path, last = key.split(".")
    section = _section(content, path)
    if section is not None and section.pop(last, None) is not None:
        notices.append(Notice(origin, key, said))


def _replace(content: dict[str, Any], key: str, values: Mapping[str, str], origin: str, notices: list[Notice]) -> None:
    *path, last = key.split(".")
    section = _section(content, path)
    found = section.get(last) if section else None
    if section is not None and isinstance(found, str) and found in values:
        section[last] = values[found]
        notices.append(Notice(origin, key, f"{found} {_SAID.get(key, 'is called')} {values[found]} now."))


def _translate_entry(
    entry: dict[str, Any], below: Mapping[str, Any], key: str, origin: str, notices: list[Notice]
) -> None:
    reference = entry.get("plugin")
    if isinstance(reference, str) and reference in REFERENCES:
        entry["plugin"] = REFERENCES[reference]
        notices.append(Notice(origin, f"{key}.plugin", f"{reference} is called {entry['plugin']} now."))
    config = entry.get("config")
    if not isinstance(config, dict):
        return
    for old, new in OPTIONS.get(str(entry.get("plugin") or below.get("plugin")), {}).items():
        if old in config and new not in config:
            config[new] = config.pop(old)
            notices.append(Notice(origin, f"{key}.config.{old}", f"is called {new} now."))
    for name, value in config.items():
        if isinstance(value, str) and value.startswith(SETTING):
            setting = value.removeprefix(SETTING)
            if (new := todays_key(setting)) != setting:
                config[name] = f"{SETTING}{new}"
                notices.append(Notice(origin, f"{key}.config.{name}", f"{setting} is called {new} now."))


def _entries(
    content: Mapping[str, Any], below: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any], Mapping[str, Any]]]:
    """Every entry with its key, and the entry of the same name beneath."""
    plugins = content.get("plugins")
    if not isinstance(plugins, dict):
        return
    for section in SETTINGS_KEYS.values():
        entries, beneath = plugins.get(section), below.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                under = beneath.get(name) if isinstance(beneath, Mapping) else None
                yield f"plugins.{section}.{name}", entry, under if isinstance(under, Mapping) else {}


def _section(content: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    node: Any = content
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _joined(lower: Any, upper: Any) -> Any:
    """Both, where somebody wrote the former name and that of today; today's wins."""
    if isinstance(lower, list) and isinstance(upper, list):
        return [*upper, *lower]
    if isinstance(lower, dict) and isinstance(upper, dict):
        return lower | {key: _joined(lower[key], value) if key in lower else value for key, value in upper.items()}
    return upper


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
