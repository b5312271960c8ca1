"""Does the file that the owner wrote load unchanged, as the only layer of one's own, and do what it says?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.loader import LoadedSettings, load_settings
from config.mistakes import IncompleteSettingsError
from config.models import PluginEntry, Settings
from config.section import parse_rate
from core.errors import ConfigurationError
from tests.fixtures.owner import OWNERS_FILE, SECRETS, variables_without_default


def owners(environ: Mapping[str, str] = SECRETS, *, overlay: Path = OWNERS_FILE, **more: str) -> LoadedSettings:
    return load_settings(overlay=overlay, environ={**environ, **more})


def _entry(settings: Settings, kind: str, name: str) -> PluginEntry:
    return next(entry for entry in settings.plugins.of(kind) if entry.name == name)


def test_every_variable_without_default_has_a_value_in_the_tests() -> None:
    assert variables_without_default() == set(SECRETS)


def _scalars(node: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(node, dict):
        return {key: value for name, child in node.items() for key, value in _scalars(child, (*path, name)).items()}
    return {path: node}


def test_every_key_of_the_file_holds_under_its_own_name() -> None:
    """All but ``celery`` and the entries of plugins, which have tests of their own, holds as it is written."""
    written = yaml.safe_load(OWNERS_FILE.read_text(encoding="utf-8"))
    settings = owners().settings
    for (section, *path), value in _scalars(
        {k: v for k, v in written.items() if k not in ("celery", "plugins")}
    ).items():
        found: Any = getattr(settings, section)
        for part in path:
            found = getattr(found, part)
        if hasattr(found, "get_secret_value"):
            found = found.get_secret_value()
        if isinstance(value, str) and value.startswith("${"):
            variable, _, default = value[2:-1].partition(":")
            value = SECRETS.get(variable, default)
        expected = tuple(value) if isinstance(value, list) else value
        assert str(found) == str(expected), (section, path)


def test_models_run_as_written() -> None:
    settings = owners().settings
    openai = _entry(settings, "llm", "openai")
    assert openai.enabled
    assert openai.config["api_key"] == "sk-openai"
    assert openai.config["organization"] == "org-department"
    assert (openai.config["models"], openai.config["timeout"], openai.config["max_retries"]) == (
        ["gpt-4-turbo", "gpt-3.5-turbo"],
        60,
        3,
    )
    assert openai.routing is not None
    assert (openai.routing.priority, openai.routing.models) == (1, ("gpt-*",))
    assert _entry(settings, "llm", "anthropic").enabled
    ollama = _entry(settings, "llm", "ollama")
    assert (ollama.enabled, ollama.config["host"]) == (False, "http://localhost:11434")


def test_stores_embedding_parsers_logins_and_notifiers_run_as_written() -> None:
    plugins = owners().settings.plugins
    assert (plugins.vector_databases.primary, plugins.vector_databases.fallback) == ("qdrant", "chroma")
    qdrant, chroma = (next(e for e in plugins.vector_db if e.name == name) for name in ("qdrant", "chroma"))
    assert (qdrant.config["host"], qdrant.config["collection"], qdrant.config["distance_metric"]) == (
        "localhost",
        "documents",
        "cosine",
    )
    assert qdrant.config["prefer_grpc"] is True
    assert chroma.config["persist_directory"] == "./chroma_db"
    assert [entry.name for entry in plugins.vector_db if entry.enabled] == ["qdrant", "chroma"]
    assert plugins.embedding is not None
    assert (plugins.embedding.name, plugins.embedding.config["device"]) == ("default", "cuda")
    # The shipped one beside it would be a second model in memory, and others would be built with it.
    assert [entry.name for entry in plugins.embedding_models if entry.enabled] == ["default"]
    types = {entry.name: entry.mime_types for entry in plugins.document_parsers}
    assert types["text"] == ("text/plain", "text/markdown")
    assert types["unstructured"][0] == "application/pdf"
    assert [entry.name for entry in plugins.authentication if entry.enabled] == ["jwt"]
    assert plugins.authentication[0].config["access_minutes"] == 60
    email, slack = (next(e for e in plugins.notifiers if e.name == name) for name in ("email", "slack"))
    assert (email.enabled, slack.enabled) == (True, False)
    assert (email.config["smtp_host"], email.config["smtp_port"]) == ("mail.example.org", "587")


def test_celery_is_the_address_of_the_queue_and_one_line_says_so() -> None:
    loaded = owners(CELERY_BROKER_URL="redis://queue.example:6379/3")
    assert loaded.settings.queue.broker_url == "redis://queue.example:6379/3"
    assert loaded.origin["queue.broker_url"] == str(OWNERS_FILE)
    lines = [str(notice) for notice in loaded.notices if notice.key == "celery"]
    assert len(lines) == 1
    assert "broker_url is queue.broker_url" in lines[0]


def test_with_every_variable_set_there_is_nothing_else_to_say() -> None:
    assert [notice.key for notice in owners().notices] == ["celery"]


def test_bare_it_says_on_one_page_what_is_missing_and_how_to_get_it() -> None:
    with pytest.raises(IncompleteSettingsError) as caught:
        owners({})
    page = str(caught.value)
    # What belongs to entries that are off is not missing.
    for variable in variables_without_default() - {"GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "SLACK_WEBHOOK_URL"}:
        assert f"{variable} is not set" in page, variable
    for variable in ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "SLACK_WEBHOOK_URL"):
        assert variable not in page
    assert page.count("ow to get it") >= 10
    assert "database.password" in page
    assert caught.value.settings.redis.host == "localhost"


def test_only_the_database_keeps_it_from_starting_and_the_rest_is_switched_off_in_so_many_words() -> None:
    loaded = owners({"DB_PASSWORD": "x"})
    settings = loaded.settings
    said = {notice.key: notice.text for notice in loaded.notices}
    assert not _entry(settings, "llm", "openai").enabled
    assert not _entry(settings, "llm", "anthropic").enabled
    assert not _entry(settings, "notifier", "email").enabled
    assert not settings.observability.tracing.enabled
    assert "llm_providers.openai is switched off" in said["plugins.llm_providers.openai.config.api_key"]
    assert "it is left out" in said["plugins.llm_providers.openai.config.organization"]
    assert "tracing is switched off" in said["observability.tracing.langfuse_secret_key"]
    assert "notifiers.email is switched off" in said["plugins.notifiers.email.config.from_email"]
    assert "it is left out" in said["redis.password"]


def test_an_option_that_may_be_missing_does_not_switch_its_plugin_off() -> None:
    environ = {name: value for name, value in SECRETS.items() if name != "OPENAI_ORG_ID"}
    loaded = owners(environ)
    assert _entry(loaded.settings, "llm", "openai").enabled
    assert [notice.key for notice in loaded.notices if "OPENAI_ORG_ID" in notice.text] == [
        "plugins.llm_providers.openai.config.organization"
    ]


@pytest.mark.parametrize("host", ["", "/var/run/postgresql"])
def test_no_password_is_missed_where_the_database_asks_for_none(host: str) -> None:
    environ = {name: value for name, value in SECRETS.items() if name not in ("DB_PASSWORD", "REDIS_PASSWORD")}
    loaded = owners(environ, FOUNDRY__database__host=host, FOUNDRY__redis__host="")
    assert not [notice for notice in loaded.notices if "PASSWORD" in notice.text]


def test_a_variable_of_ours_stands_above_a_reference_that_leads_nowhere() -> None:
    loaded = owners({**SECRETS, "DB_PASSWORD": ""}, FOUNDRY__database__password="from-above")
    assert loaded.settings.database.password.get_secret_value() == "from-above"


def test_in_production_the_signing_key_may_not_be_missing() -> None:
    environ = {name: value for name, value in SECRETS.items() if name != "JWT_SECRET_KEY"}
    with pytest.raises(ConfigurationError, match=r"(?s)auth\.jwt_secret_key.*JWT_SECRET_KEY is not set"):
        owners(environ, FOUNDRY_ENVIRONMENT="production")


def test_the_environment_chosen_outside_stands_above_the_one_in_the_file() -> None:
    assert owners().settings.app.environment == "development"
    assert owners(FOUNDRY_ENVIRONMENT="staging").settings.app.environment == "staging"


MISTAKES = (
    ("app", "environment: development", "environment: holiday", "app.environment", "holiday", "'development'"),
    ("database", "pool_size: ${DB_POOL_SIZE:20}", "pool_size: many", "database.pool_size", "many", "a valid integer"),
    ("vector_db", "distance_metric: cosine\n  prefer", "distance_metric: near\n  prefer", "vector_db.distance_metric",
     "near", "'cosine'"),
    ("redis", "db: ${REDIS_DB:0}", "db: -1", "redis.db", "-1", "greater than or equal to 0"),
    ("celery", "task_serializer: json", "task_serializer: pickle", "celery.task_serializer", "pickle", "'json'"),
    ("auth", "password_min_length: 12", "password_min_length: 3", "auth.password_min_length", "3", "equal to 8"),
    ("rate_limiting", 'ip_limit: "1000/hour"', "ip_limit: often", "rate_limiting.ip_limit", "often", "as 100/hour"),
    ("caching", "semantic_similarity_threshold: 0.95", "semantic_similarity_threshold: 0.1",
     "caching.semantic_similarity_threshold", "0.1", "0.5 to 1"),
    ("observability", "level: INFO", "level: LOUD", "observability.logging.level", "LOUD", "'DEBUG'"),
    ("plugins", "fallback_for: [openai, anthropic]", "fallback_for: [nobody]",
     "plugins.llm_providers.ollama.routing.fallback_for", "nobody", "openai"),
    ("stores", "    fallback:\n      plugin", "    fallback:\n      tpyo: 1\n      plugin",
     "plugins.vector_databases.fallback.tpyo", "1", "known keys"),
    ("feature_flags", "voice_input: false", "voice_input: perhaps", "feature_flags.voice_input", "perhaps", "boolean"),
    ("ingestion", "min_chunk_size: 100", "min_chunk_size: 1000", "ingestion", "", "min_chunk_size <= chunk_size"),
    ("retrieval", "default_k: 10", "defualt_k: 10", "retrieval.defualt_k", "10", "did you mean default_k?"),
)  # fmt: skip


def test_a_mistake_in_every_section_is_named_in_one_run(tmp_path: Path) -> None:
    text = OWNERS_FILE.read_text(encoding="utf-8")
    for _, right, wrong, *_ in MISTAKES:
        assert right in text, right
        text = text.replace(right, wrong, 1)
    sections = set(yaml.safe_load(text))
    assert {section for section, *_ in MISTAKES} >= sections
    overlay = tmp_path / "department.yaml"
    overlay.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        owners({}, overlay=overlay)
    entries = str(caught.value).split(f"  {overlay}: ")
    for _, _, _, key, found, allowed in MISTAKES:
        (entry,) = (entry for entry in entries if entry.startswith(f"{key}\n"))
        assert found in entry.split("found:")[1], key
        assert allowed in entry.split("allowed:")[1], key
    # The variables that are missing stand on the same page.
    assert "DB_PASSWORD is not set" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"), [("100/hour", (100, 3600)), ("5/second", (5, 1)), ("9/day", (9, 86_400))]
)
def test_a_rate_is_read(text: str, expected: tuple[int, int]) -> None:
    assert parse_rate(text) == expected
