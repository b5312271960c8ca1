"""Which settings must agree with each other?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeAlias

from config.mistakes import Mistake, masked
from config.models import KINDS, MIN_JWT_SECRET, Settings
from config.reading.layers import Leaf
from core.plugin_kinds import entry_key

Wrong: TypeAlias = Callable[..., Mistake]


def concerned(key: str, keys: Collection[str]) -> bool:
    """Whether a dotted key is one of these, inside one of them, or around one."""
    return any(key == one or key.startswith(f"{one}.") or one.startswith(f"{key}.") for one in keys)


def cross_check(settings: Settings, given: Mapping[str, Leaf], doubtful: Collection[str] = ()) -> list[Mistake]:
    """All disagreements.

    Args:
        given: What the layers said, by dotted key; absent keys have their default.
        doubtful: Keys that are wrong already: what disagrees with them is not told.
    """
    unsure: list[Mistake] = []

    def wrong(key: str, found: object, allowed: str, *related: str) -> Mistake:
        # Where the key has its default, the layer that set its counterpart is the place to look.
        places = [
            leaf.origin
            for name in (key, *related)
            for given_key, leaf in given.items()
            if given_key == name or given_key.startswith(f"{name}.")
        ]
        mistake = Mistake(places[0] if places else "default", key, masked(key, found), allowed)
        if any(concerned(name, doubtful) for name in (key, *related)):
            unsure.append(mistake)
        return mistake

    found = [
        *_auth(settings, wrong),
        *_roles(settings, wrong),
        *_production(settings, wrong),
        *_stores(settings, given, wrong),
        *_models(settings, wrong),
        *_notices(settings, wrong),
        *_limits(settings, given, wrong),
        *_rest(settings, wrong),
    ]
    return [mistake for mistake in found if mistake not in unsure]


def _auth(settings: Settings, wrong: Wrong) -> Iterator[Mistake]:
    key, secret = "auth.jwt_secret_key", settings.auth.jwt_secret_key.get_secret_value()
    if secret and len(secret) < MIN_JWT_SECRET:
        mistake = wrong(key, secret, f"at least {MIN_JWT_SECRET} characters")
        yield Mistake(mistake.where, key, f"{len(secret)} characters", mistake.allowed)
    if not secret and settings.app.in_production:
        yield wrong(key, secret, f"a random secret of at least {MIN_JWT_SECRET} characters in production")


def _roles(settings: Settings, wrong: Wrong) -> Iterator[Mistake]:
    database = settings.database
    names = {"user": database.user, "migration_user": database.migration_user}
    for key, name in {**names, "maintenance_user": database.maintenance_user}.items():
        same = [other for other, value in names.items() if other != key and value == name]
        if key != "user" and same:
            allowed = f"a role of its own, not that of database.{same[0]}: policies bind each differently"
            yield wrong(f"database.{key}", name, allowed, f"database.{same[0]}")


def _production(settings: Settings, wrong: Wrong) -> Iterator[Mistake]:
    if not settings.app.in_production:
        return
    if settings.app.debug:
        yield wrong("app.debug", True, "false in production")
    if settings.observability.logging.include_content:
        yield wrong("observability.logging.include_content", True, "false in production")
    if settings.database.echo:
        yield wrong("database.echo", True, "false in production: statements hold what people wrote")


def _stores(settings: Settings, given: Mapping[str, Leaf], wrong: Wrong) -> Iterator[Mistake]:
    databases, provider = settings.plugins.vector_databases, settings.vector_db.provider
    if databases.primary and "vector_db.provider" in given and databases.primary != provider:
        yield wrong("vector_db.provider", provider, f"{databases.primary}, as plugins.vector_databases.primary says")
    names = [entry.name for entry in settings.plugins.vector_db if entry.enabled]
    allowed = "the name of an enabled entry of plugins.vector_db: " + (", ".join(names) or "there is none")
    key = "plugins.vector_databases.primary" if databases.primary else "vector_db.provider"
    if settings.primary_vector_db not in names:
        yield wrong(key, settings.primary_vector_db, allowed)
    if databases.fallback and databases.fallback not in names:
        yield wrong("plugins.vector_databases.fallback", databases.fallback, allowed)


def _models(settings: Settings, wrong: Wrong) -> Iterator[Mistake]:
    names = {entry.name for entry in settings.plugins.llm_providers}
    for kind in KINDS:
        for entry in settings.plugins.of(kind):
            if entry.mime_types and kind != "parser":
                key = f"{entry_key(kind, entry.name)}.mime_types"
                yield wrong(key, entry.mime_types, "nothing: only parsers read types")
            if entry.routing is None:
                continue
            key = f"{entry_key(kind, entry.name)}.routing"
            if kind == "reranker" and entry.routing.model_fields_set <= {"local"}:
                continue
            if kind != "llm":
                yield wrong(key, "routing", "nothing: only models are routed; a reranker may have routing.local")
            unknown = sorted(set(entry.routing.fallback_for) - names)
            if kind == "llm" and unknown:
                yield wrong(
                    f"{key}.fallback_for",
                    unknown,
                    "names of entries of plugins.llm_providers: " + ", ".join(sorted(names)),
                )


def _notices(settings: Settings, wrong: Wrong) -> Iterator[Mistake]:
    # One that is switched off may be named: then nobody is told, as nobody is when all rules are off.
    names = [entry.name for entry in settings.plugins.notifiers]
    allowed = "names of entries of plugins.notifiers: " + (", ".join(names) or "there is none")
    unknown = sorted({rule.notifier for rule in settings.notifications.rules} - set(names))
    if unknown and settings.feature_flags.notifications:
        yield wrong("notifications.rules", f"notifier {', '.join(unknown)}", allowed, "plugins.notifiers")


def _limits(settings: Settings, given: Mapping[str, Leaf], wrong: Wrong) -> Iterator[Mistake]:
    names = [entry.name for entry in settings.plugins.rate_limiter if entry.enabled]
    if "rate_limiting.storage" in given and settings.rate_limiting.storage not in names:
        yield wrong(
            "rate_limiting.storage",
            settings.rate_limiting.storage,
            "the name of an enabled entry of plugins.rate_limiter: " + (", ".join(names) or "there is none"),
            "plugins.rate_limiter",
        )


def _rest(settings: Settings, wrong: Wrong) -> Iterator[Mistake]:
    queue, tracing, retrieval = settings.queue, settings.observability.tracing, settings.retrieval
    if queue.heartbeat_s * 2 > queue.lease_s:
        yield wrong(
            "queue.heartbeat_s", queue.heartbeat_s, f"at most half of queue.lease_s ({queue.lease_s})", "queue.lease_s"
        )
    if tracing.enabled and not (tracing.langfuse_public_key and tracing.langfuse_secret_key.get_secret_value()):
        keys = "langfuse_public_key and langfuse_secret_key"
        yield wrong("observability.tracing.enabled", True, f"false, or {keys} beside it", "observability.tracing")
    if retrieval.rerank_top_k > retrieval.max_k:
        yield wrong(
            "retrieval.rerank_top_k",
            retrieval.rerank_top_k,
            f"at most retrieval.max_k ({retrieval.max_k})",
            "retrieval.max_k",
        )
    if "*" in settings.chat.allowed_origins:
        yield wrong("chat.allowed_origins", "*", "origins by name; a page of anybody must not use a visitor's session")
    if settings.caching.semantic_similarity_threshold < 0.5:
        yield wrong("caching.semantic_similarity_threshold", settings.caching.semantic_similarity_threshold, "0.5 to 1")
