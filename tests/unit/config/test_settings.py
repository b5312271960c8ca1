"""Do the defaults hold, and are schemas and documentation current?"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # no stubs among the locked packages
import pytest
import yaml

from config import json_schemas, reference
from config.generate import PAGE
from config.later import later_keys
from config.models import Settings
from config.show import effective
from core.errors import ConfigurationError
from tests.fixtures.owner import OWNERS_FILE
from tests.unit.config.conftest import Load


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings()
    assert (settings.database.pool_size, settings.database.max_overflow) == (20, 10)
    assert (settings.vector_db.vector_size, settings.redis.max_connections) == (384, 50)
    assert (
        settings.auth.jwt_algorithm,
        settings.auth.access_token_expire_minutes,
        settings.auth.refresh_token_expire_days,
    ) == (
        "HS256",
        60,
        30,
    )
    assert settings.auth.password_min_length == 12
    limits = settings.rate_limiting
    assert (limits.default_limit, limits.organization_limit, limits.ip_limit) == ("100/hour", "10000/hour", "1000/hour")
    roles = limits.role_limits
    assert (roles.viewer, roles.editor, roles.admin) == ("100/hour", "500/hour", "2000/hour")
    assert (settings.caching.default_ttl, settings.caching.semantic_similarity_threshold) == (3600, 0.95)
    ingestion = settings.ingestion
    assert (ingestion.chunk_size, ingestion.chunk_overlap) == (512, 50)
    assert (ingestion.min_chunk_size, ingestion.max_chunk_size, ingestion.max_file_size_mb) == (100, 2000, 50)
    retrieval = settings.retrieval
    assert (retrieval.default_k, retrieval.max_k, retrieval.hybrid_search_weight) == (10, 50, 0.7)


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_shipped_environment_loads(load: Load, environment: str) -> None:
    loaded = load(environment=environment, environ={"FOUNDRY__auth__jwt_secret_key": "k" * 32})
    assert loaded.settings.app.environment == environment


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY"])
def test_model_key_in_the_environment_enables_its_plugin_unless_ignored(load: Load, variable: str) -> None:
    def enabled(**environ: str) -> set[str]:
        return {entry.name for entry in load(environ=environ).settings.plugins.llm_providers if entry.enabled}

    name = variable.split("_")[0].lower()
    assert enabled() == {"extractive"}
    assert enabled(**{variable: "http://somewhere"}) == {"extractive", name}
    ignoring = load(environ={variable: "http://somewhere", "FOUNDRY_IGNORE_MODEL_KEYS": "1"})
    assert {entry.name for entry in ignoring.settings.plugins.llm_providers if entry.enabled} == {"extractive"}
    assert "somewhere" not in str(effective(ignoring))


def test_a_file_that_says_enabled_beats_the_variable(load: Load) -> None:
    loaded = load("plugins: {llm_providers: [{name: openai, enabled: false}]}", {"OPENAI_API_KEY": "sk"})
    assert not loaded.settings.plugins.llm_providers[0].enabled


def test_primary_store_and_its_shorthand_agree_after_loading(load: Load) -> None:
    plugin = "{name: chroma, plugin: 'plugins.vector_db.chroma:Chroma'}"
    by_entry = load(f"plugins: {{vector_db: [{plugin}], vector_databases: {{primary: chroma}}}}").settings
    by_shorthand = load(f"plugins: {{vector_db: [{plugin}]}}\nvector_db: {{provider: chroma}}").settings
    assert by_entry.vector_db.provider == by_entry.primary_vector_db == "chroma"
    assert by_shorthand.primary_vector_db == "chroma"


@pytest.mark.sees("vector_db.provider", "plugins.vector_databases.primary", "plugins.vector_databases.fallback")
def test_only_the_vector_stores_in_use_are_built(load: Load) -> None:
    def built(department: str) -> set[str]:
        settings = load(department).settings
        return {entry.name for entry in settings.plugins.vector_db if entry.enabled}

    assert built("") == {"pgvector"}
    assert built("vector_db: {provider: qdrant}") == {"qdrant"}
    assert built("plugins: {vector_databases: {primary: qdrant, fallback: pgvector}}") == {"qdrant", "pgvector"}


@pytest.mark.sees("vector_db.host", "vector_db.port", "vector_db.prefer_grpc")
def test_the_shorthand_of_the_vector_store_says_where_qdrant_is(load: Load) -> None:
    loaded = load(
        "vector_db: {provider: qdrant, host: vectors.corp, port: 7333, prefer_grpc: true}",
        {"QDRANT_API_KEY": "k-secret"},
    )
    (entry,) = (entry for entry in loaded.settings.plugins.vector_db if entry.enabled)
    assert entry.config == {"host": "vectors.corp", "port": 7333, "prefer_grpc": True, "api_key": "k-secret"}
    assert "k-secret" not in str(effective(loaded))


def test_a_vector_store_that_is_switched_off_cannot_be_the_one_in_use(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"vector_db\.provider"):
        load("vector_db: {provider: qdrant}\nplugins: {vector_db: [{name: qdrant, enabled: false}]}")


def test_every_effective_setting_has_an_origin_and_secrets_are_masked(load: Load) -> None:
    loaded = load("retrieval: {default_k: 5}", {"OPENAI_API_KEY": "sk-very-secret", "FOUNDRY__redis__password": "pw-x"})
    rows = {key: (value, origin) for key, value, origin in effective(loaded)}
    assert rows["retrieval.default_k"][0] == "5"
    assert rows["retrieval.default_k"][1].endswith("department.yaml")
    assert rows["retrieval.max_k"] == ("50", "default")
    assert rows["redis.password"] == ("********", "environment variable FOUNDRY__redis__password")
    assert rows["plugins.llm_providers.openai.config.api_key"] == ("********", "config/plugins.yaml")
    assert rows["plugins.llm_providers.openai.enabled"] == ("true", "environment variable OPENAI_API_KEY")
    assert rows["database.password"][0] == "(empty)"
    assert "sk-very-secret" not in str(rows)


def test_unknown_kind_of_plugin_is_an_error() -> None:
    with pytest.raises(KeyError):
        Settings().plugins.of("vector_databases")


def test_redis_address_carries_password_socket_and_tls(load: Load) -> None:
    def url(**environ: str) -> str:
        return load(environ={f"FOUNDRY__redis__{key}": value for key, value in environ.items()}).settings.redis.url

    assert url(host="h", password="p/w", db="2") == "redis://:p%2Fw@h:6379/2"
    assert url(host="h", tls="true") == "rediss://h:6379/0"
    assert url(host="/run/my redis.sock") == "unix:///run/my%20redis.sock?db=0"


def test_public_addresses_fall_back_to_what_can_be_opened(load: Load) -> None:
    settings = load("chat: {host: 0.0.0.0}\nadmin: {public_url: 'https://admin.example/'}").settings
    assert settings.chat.url == "http://127.0.0.1:8000"
    assert settings.admin.url == "https://admin.example"


def test_written_schemas_are_current() -> None:
    for name, schema in json_schemas.schemas().items():
        written = (json_schemas.FOLDER / name).read_text(encoding="utf-8")
        assert written == json_schemas.render(schema), f"{name} is old: run python -m config.generate"


def test_schemas_are_written_where_asked(tmp_path: Path) -> None:
    assert {path.name for path in json_schemas.write_schemas(tmp_path)} == set(json_schemas.schemas())


def test_schemas_accept_what_is_shipped_and_refuse_unknown_keys() -> None:
    shipped = yaml.safe_load((json_schemas.FOLDER.parent / "plugins.yaml").read_text(encoding="utf-8"))["plugins"]
    validator = jsonschema.Draft202012Validator(
        json.loads((json_schemas.FOLDER / "plugins.schema.json").read_text(encoding="utf-8"))
    )
    validator.validate(shipped)
    assert list(validator.iter_errors({**shipped, "lm": []}))


def test_the_schema_accepts_the_owners_file_and_finds_a_mistake_in_it() -> None:
    written = yaml.safe_load(OWNERS_FILE.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(
        json.loads((json_schemas.FOLDER / "settings.schema.json").read_text(encoding="utf-8"))
    )
    validator.validate(written)
    for section, key, wrong in (("redis", "db", "none"), ("celery", "broker_url", "amqp://q"), ("plugins", "llm", [])):
        assert list(validator.iter_errors({**written, section: {**written[section], key: wrong}})), section


def test_every_key_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for key, info in reference.all_keys():
        assert info.description, f"{key} has no description"
        assert f"| `{key}` |" in page or key in later_keys(), f"{key} is not in {PAGE.name}"
    assert reference.replace_table(page) == page, "the table is old: run python -m config.generate"
