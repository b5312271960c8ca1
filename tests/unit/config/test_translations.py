"""Do files, variables and saved settings of 0.1 to 0.3 mean what they meant, and is every new name said?"""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
import yaml

from config import reference
from config.models import Settings
from config.reading.translations import KEYS, OPTIONS, REFERENCES, todays_entry, todays_key
from tests.unit.config.conftest import Load

OVERLAY = """
app: {environment: dev}
auth: {algorithm: HS512, access_token_minutes: 15, refresh_token_days: 7, password_require_special: false,
       password_require_number: false, password_require_uppercase: false}
rate_limiting: {default_per_hour: 1, viewer_per_hour: 2, editor_per_hour: 3, admin_per_hour: 4,
                organization_per_hour: 5, ip_per_hour: 6, reads_per_hour: 7}
observability: {tracing: {host: 'http://traces', public_key: pk, secret_key: sk}}
ingestion: {supported_types: [text/plain]}
plugins:
  llm:
    - {name: openai, enabled: true, config: {api_key: sk, timeout_s: 7}}
    - {name: house, plugin: 'plugins.llm.ollama:OllamaProvider', config: {base_url: 'http://gpu:11434', timeout_s: 8}}
  embedding: [{name: st, plugin: 'plugins.embedding.sentence_transformers:SentenceTransformersEmbedding',
               config: {model: bge}}]
  parser: [{name: pdf, enabled: false}]
  vector_db: [{name: chroma, plugin: 'plugins.vector_db.chroma.provider:ChromaProvider', config: {path: vectors}}]
  auth: [{name: corp, plugin: 'plugins.auth.oauth2:OAuth2Login', config: {issuer: 'https://id'}},
         {name: jwt, plugin: 'plugins.auth.jwt:JwtAuth', config: {algorithm: 'setting://auth.algorithm'}}]
  notifier: [{name: email, plugin: 'plugins.notifier.email:EmailNotifier',
              config: {host: mail, port: 25, username: u, password: p, sender: a@b.example}}]
  vector_databases: {fallback: chroma}
"""
"""A department's file as 0.3 wanted it, with every name that has changed since."""


def _assert_meant(settings: Settings) -> None:
    auth, limits, tracing = settings.auth, settings.rate_limiting, settings.observability.tracing
    assert (auth.jwt_algorithm, auth.access_token_expire_minutes, auth.refresh_token_expire_days) == ("HS512", 15, 7)
    assert (auth.require_special_chars, auth.require_numbers, auth.require_uppercase) == (False, False, False)
    roles = limits.role_limits
    found = [limits.default_limit, roles.viewer, roles.editor, roles.admin, limits.organization_limit, limits.ip_limit]
    assert [*found, limits.read_limit] == [f"{number}/hour" for number in range(1, 8)]
    assert (tracing.langfuse_host, tracing.langfuse_public_key) == ("http://traces", "pk")
    assert tracing.langfuse_secret_key.get_secret_value() == "sk"
    assert settings.ingestion.supported_mime_types == ("text/plain",)
    plugins = settings.plugins
    entries = {(kind, entry.name): entry for kind in ("llm", "embedding", "parser", "auth", "notifier", "vector_db")
               for entry in plugins.of(kind)}  # fmt: skip
    assert entries["llm", "openai"].config["timeout"] == 7
    assert entries["llm", "house"].config == {"host": "http://gpu:11434", "timeout": 8}
    assert entries["embedding", "st"].plugin.endswith(":SentenceTransformersProvider")
    assert entries["embedding", "st"].config == {"model_name": "bge"}
    assert not entries["parser", "pdf"].enabled
    assert entries["vector_db", "chroma"].config == {"persist_directory": "vectors"}
    assert entries["vector_db", "chroma"].enabled
    assert entries["auth", "corp"].plugin == "plugins.auth.oauth2:OAuth2Provider"
    assert entries["auth", "jwt"].config["algorithm"] == "HS512"
    # It stood there without `enabled`, which meant that it runs.
    assert entries["notifier", "email"].enabled
    assert entries["notifier", "email"].config == {
        "smtp_host": "mail",
        "smtp_port": 25,
        "smtp_user": "u",
        "smtp_password": "p",
        "from_email": "a@b.example",
    }


def test_a_file_of_0_3_means_what_it_meant_and_every_new_name_is_said(load: Load) -> None:
    loaded = load(OVERLAY)
    _assert_meant(loaded.settings)
    said = [str(notice) for notice in loaded.notices]
    for old, (new, _) in KEYS.items():
        line = next(line for line in said if f" {old}: " in line)
        assert f"is called {new} now" in line
        assert "department.yaml" in line
    assert any("dev is called development now" in line for line in said)
    for old, new in REFERENCES.items():
        if any(part in old for part in ("jwt", "oauth2", "sentence", "chroma")):
            assert any(f"{old} is called {new} now" in line for line in said)
    assert any("plugins.llm_providers.house.config.base_url: is called host now" in line for line in said)
    assert any("auth.algorithm is called auth.jwt_algorithm now" in line for line in said)
    assert len(said) == len(set(said))


def test_settings_that_were_saved_are_translated_when_they_are_read(load: Load) -> None:
    content = {key: value for key, value in yaml.safe_load(OVERLAY).items() if key != "app"}
    loaded = load(saved=content)
    _assert_meant(loaded.settings)
    assert {notice.where for notice in loaded.notices} == {"saved settings"}
    assert loaded.origin["auth.jwt_algorithm"] == "saved settings"


def test_variables_are_translated_too(load: Load) -> None:
    environ = {
        "FOUNDRY__app__environment": "dev",
        "FOUNDRY__auth__access_token_minutes": "15",
        "FOUNDRY__rate_limiting__viewer_per_hour": "2",
        "FOUNDRY__plugins__llm__openai__enabled": "true",
        "FOUNDRY__plugins__llm__openai__config__timeout_s": "9",
    }
    loaded = load(environ=environ)
    assert loaded.settings.app.environment == "development"
    assert loaded.settings.auth.access_token_expire_minutes == 15
    assert loaded.settings.rate_limiting.role_limits.viewer == "2/hour"
    openai = next(entry for entry in loaded.settings.plugins.llm_providers if entry.name == "openai")
    assert (openai.enabled, openai.config["timeout"]) == (True, "9")
    assert {notice.where for notice in loaded.notices} == {f"environment variable {name}" for name in environ}


@pytest.mark.parametrize(("old", "new"), [("dev", "development"), ("prod", "production"), ("staging", "staging")])
def test_the_environments_of_0_3_are_known(load: Load, old: str, new: str) -> None:
    key = {"FOUNDRY__auth__jwt_secret_key": "k" * 32}
    for loaded in (load(environment=old, environ=key), load(environ={"FOUNDRY_ENVIRONMENT": old, **key})):
        assert loaded.settings.app.environment == new
        assert any("is called" in notice.text for notice in loaded.notices) == (old != new)


def test_what_0_3_offered_and_nothing_obeyed_is_left_out_with_a_word(load: Load) -> None:
    loaded = load("vector_db: {distance_metric: dot}\ngeneration: {prompts: {answer: mine}}")
    assert loaded.settings.vector_db.distance_metric == "cosine"
    said = {notice.key: notice.text for notice in loaded.notices}
    assert said["vector_db.distance_metric"] == "dot was never obeyed by a store and is cosine now."
    assert "is gone" in said["generation.prompts"]


def test_todays_name_wins_over_the_former_one_beside_it(load: Load) -> None:
    loaded = load("auth: {algorithm: HS384, jwt_algorithm: HS512}\ningestion: {supported_types: [a/b]}")
    assert loaded.settings.auth.jwt_algorithm == "HS512"


def test_a_change_of_one_option_reaches_an_entry_that_was_written_under_the_former_key(load: Load) -> None:
    both: dict[str, Any] = {
        "plugins": {
            "llm": {"extractive": {"config": {"max_sentences": 1}}},
            "llm_providers": {"extractive": {"enabled": True}},
        }
    }
    entry = next(e for e in load(saved=both).settings.plugins.llm_providers if e.name == "extractive")
    assert (entry.enabled, entry.config["max_sentences"]) == (True, 1)


def test_a_plugin_of_others_keeps_its_own_options(load: Load) -> None:
    loaded = load("plugins: {llm: [{name: mine, plugin: their-model, config: {timeout_s: 3}}]}")
    mine = next(entry for entry in loaded.settings.plugins.llm_providers if entry.name == "mine")
    assert mine.config == {"timeout_s": 3}


def test_a_wrong_value_under_a_former_name_is_named_with_todays_and_the_page_says_why(load: Load) -> None:
    with pytest.raises(
        Exception, match=r"(?s)auth\.jwt_algorithm.*HS1.*auth\.algorithm: is called auth\.jwt_algorithm"
    ):
        load("auth: {algorithm: HS1}")


def test_an_entry_that_an_index_was_made_with_is_translated() -> None:
    kept = {"plugin": "plugins.vector_db.chroma.provider:ChromaProvider", "config": {"path": "vectors"}}
    assert todays_entry(kept) == {
        "plugin": "plugins.vector_db.chroma:ChromaProvider",
        "config": {"persist_directory": "vectors"},
    }
    assert kept["config"] == {"path": "vectors"}


def test_every_name_leads_to_one_that_there_is() -> None:
    known = {key for key, _ in reference.all_keys()}
    for old, (new, _) in KEYS.items():
        assert new in known
        assert old not in known
        assert todays_key(f"{old}.more") == f"{new}.more"
    for options in OPTIONS.values():
        assert not set(options) & set(options.values())
    assert reduce(lambda key, _: todays_key(key), range(3), "auth.algorithm") == "auth.jwt_algorithm"
