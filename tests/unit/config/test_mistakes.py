"""Does a wrong setting stop the start with a message that helps?"""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loader import load_settings
from config.mistakes import masked
from core.errors import ConfigurationError
from tests.unit.config.conftest import Load


def _message(load: Load, department: str = "", **arguments: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(department, **arguments)
    return str(caught.value)


def test_all_mistakes_are_told_at_once(load: Load) -> None:
    message = _message(
        load,
        "databse: {port: 1}\nchat: {prot: 1}\ncaching: {default_ttl: soon}\n"
        "plugins: {llm_providers: [{name: x, tpyo: 1}]}",
        environ={"FOUNDRY__retrieval__fusion": "magic", "FOUNDRY__queue__names": "a,b"},
    )
    for part in (
        "department.yaml: databse",
        "did you mean database?",
        "chat.prot",
        "did you mean port?",
        "caching.default_ttl",
        "found:   soon",
        "a valid integer",
        "plugins.llm_providers.x.plugin",
        "it must be set",
        "plugins.llm_providers.x.tpyo",
        "environment variable FOUNDRY__retrieval__fusion: retrieval.fusion",
        "'convex' or 'rrf'",
        "as JSON",
    ):
        assert part in message, part
    assert "settings are wrong; nothing was started" in message


@pytest.mark.parametrize(
    ("department", "parts"),
    [
        ("app: {name: [}", ("line 1", "valid YAML")),
        ("app: {name: a}\napp: {name: b}", ("line 2", "twice")),
        ("- a\n- b", ("list", "sections")),
        ("database: 5", ("database", "found:   5", "a mapping of keys")),
        ("app: {environment: somewhere}", ("app.environment", "found:   somewhere", "'development'")),
        ("plugins: {llm_providers: [{name: a, plugin: x}, {name: a, plugin: y}]}", ("twice",)),
        ("plugins: {llm_providers: {a: 5}}", ("plugins.llm_providers",)),
        ("database: {user: foundry_owner}", ("database.migration_user", "a role of its own")),
        ("database: {maintenance_user: foundry_app}", ("database.maintenance_user", "a role of its own")),
        ("ingestion: {chunk_size: 50}", ("min_chunk_size",)),
        ("ingestion: {chunk_overlap: 600}", ("chunk_overlap must be smaller",)),
        ("retrieval: {default_k: 60}", ("default_k",)),
        ("retrieval: {max_k: 5, default_k: 5}", ("rerank_top_k", "at most")),
        ("queue: {heartbeat_s: 40}", ("queue.heartbeat_s", "half of queue.lease_s (15)")),
        ("chat: {allowed_origins: ['*']}", ("chat.allowed_origins", "by name")),
        ("observability: {tracing: {enabled: true}}", ("observability.tracing.enabled", "public_key")),
        ("caching: {semantic_similarity_threshold: 0.1}", ("0.5 to 1",)),
        ("rate_limiting: {storage: nowhere}", ("rate_limiting.storage", "redis, memory")),
        ("rate_limiting: {ip_limit: 5/year}", ("rate_limiting.ip_limit", "such as 100/hour")),
        ("plugins: {cache: [{name: redis, mime_types: [a/b]}]}", ("plugins.cache.redis.mime_types", "only parsers")),
        ("queue: {broker_url: 'amqp://q'}", ("queue.broker_url", "amqp://q")),
        ("vector_db: {provider: nowhere}", ("vector_db.provider", "pgvector")),
        (
            "vector_db: {provider: pgvector}\nplugins: {vector_databases: {primary: qdrant}}",
            ("vector_db.provider", "qdrant, as plugins.vector_databases.primary says"),
        ),
        ("plugins: {vector_databases: {fallback: nowhere}}", ("vector_databases.fallback", "pgvector")),
        ("plugins: {cache: [{name: memory, routing: {priority: 1}}]}", ("only models are routed",)),
        ("plugins: {reranker: [{name: none, routing: {local: true, priority: 1}}]}", ("only models are routed",)),
        ("plugins: {llm_providers: [{name: openai, routing: {fallback_for: [gone]}}]}", ("fallback_for", "extractive")),
        (
            "feature_flags: {notifications: true}\n"
            "notifications: {rules: [{notifier: gone, events: [document.failed], recipients: [uploader]}]}",
            ("notifications.rules", "gone", "plugins.notifiers"),
        ),
        (
            "notifications: {rules: [{notifier: mail, events: [document.gone], recipients: [uploader]}]}",
            ("notifications.rules", "document.failed"),
        ),
        ("auth: {jwt_secret_key: short}", ("auth.jwt_secret_key", "found:   5 characters", "at least 32")),
    ],
)
def test_mistake_names_place_and_remedy(load: Load, department: str, parts: tuple[str, ...]) -> None:
    message = _message(load, department)
    for part in ("department.yaml", *parts):
        assert part in message, message


@pytest.mark.sees("vector_db.distance_metric")
def test_a_distance_no_store_measures_is_refused(load: Load) -> None:
    assert "vector_db.distance_metric" in _message(load, "vector_db: {distance_metric: manhattan}")
    assert load("vector_db: {distance_metric: cosine}").settings.vector_db.distance_metric == "cosine"


@pytest.mark.sees("observability.metrics.provider")
def test_metrics_in_a_format_nobody_offers_are_refused(load: Load) -> None:
    assert "observability.metrics.provider" in _message(load, "observability: {metrics: {provider: statsd}}")
    assert load("observability: {metrics: {provider: prometheus}}").settings.observability.metrics.enabled


def test_production_needs_a_signing_key_and_no_debugging(load: Load) -> None:
    message = _message(
        load, "app: {debug: true}\nobservability: {logging: {include_content: true}}", environment="production"
    )
    for key in ("auth.jwt_secret_key", "app.debug", "observability.logging.include_content"):
        assert key in message
    good = load(environment="production", environ={"FOUNDRY__auth__jwt_secret_key": "k" * 32})
    assert good.settings.app.environment == "production"


def test_unknown_environment_is_refused(load: Load) -> None:
    assert "development or staging or production" in _message(load, environment="test")


def test_missing_shipped_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"base\.yaml"):
        load_settings(config_dir=tmp_path, environ={})


def test_secret_file_that_cannot_be_read_is_a_mistake(load: Load, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path / "gone"):
        message = _message(load, environ={"FOUNDRY__redis__password_FILE": str(path)})
        assert "FOUNDRY__redis__password_FILE" in message


def test_messages_do_not_carry_secrets(load: Load) -> None:
    message = _message(
        load,
        "plugins: {llm_providers: [{name: openai, config: 7, api_key: sk-leak}]}\n"
        "database: {password: [sk-leak]}\nredis: {host: {password: sk-leak, url: 'http://me:sk-leak@h'}}",
    )
    assert "sk-leak" not in message
    assert "redis.host" in message


def test_logins_in_addresses_are_masked() -> None:
    assert masked("base_url", "https://me:pw@host/v1") == "https://********@host/v1"
    assert masked("prices", {"token": "x", "input": 1.5}) == "{token: ********, input: 1.5}"
