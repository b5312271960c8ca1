"""Does the layer that should win, win?"""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loader import load_settings
from core.errors import ConfigurationError
from tests.unit.config.conftest import Load


def test_each_layer_beats_the_one_below_and_is_named_as_the_origin(load: Load) -> None:
    steps = [
        (load(), "Knowledge Foundry", "config/base.yaml"),
        (load("app: {name: Overlay}"), "Overlay", "department.yaml"),
        (load("app: {name: Overlay}", saved={"app": {"name": "Saved"}}), "Saved", "saved settings"),
        (
            load("app: {name: Overlay}", {"FOUNDRY__app__name": "Env"}, {"app": {"name": "Saved"}}),
            "Env",
            "environment variable FOUNDRY__app__name",
        ),
    ]
    for loaded, name, origin in steps:
        assert loaded.settings.app.name == name
        assert loaded.origin["app.name"].endswith(origin)


def test_environment_file_beats_base(load: Load) -> None:
    assert load(environment="development").settings.observability.logging.format == "console"
    assert load(environment="staging").settings.chat.host == "0.0.0.0"
    assert load(environ={"FOUNDRY_ENVIRONMENT": "staging"}).settings.app.environment == "staging"


@pytest.mark.sees("app.environment")
@pytest.mark.parametrize(("environment", "host"), [("staging", "0.0.0.0"), ("dev", "127.0.0.1")])
def test_the_environment_chooses_its_file(load: Load, environment: str, host: str) -> None:
    assert load(environ={"FOUNDRY__app__environment": environment}).settings.chat.host == host


def test_department_file_in_the_data_folder_is_found_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "department.yaml").write_text("app: {name: Payroll}", encoding="utf-8")
    assert load_settings(environ={"FOUNDRY_DATA_DIR": str(tmp_path)}).settings.app.name == "Payroll"
    assert load_settings(environ={"FOUNDRY__storage__data_dir": str(tmp_path)}).settings.app.name == "Payroll"


def test_foundry_overlay_names_the_department_file(tmp_path: Path) -> None:
    path = tmp_path / "payroll.yaml"
    path.write_text("app: {name: Payroll}", encoding="utf-8")
    assert load_settings(environ={"FOUNDRY_OVERLAY": str(path)}).settings.app.name == "Payroll"


def test_a_named_overlay_that_is_absent_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.yaml"):
        load_settings(overlay=tmp_path / "gone.yaml", environ={})


def test_an_overlay_changes_one_option_of_one_plugin(load: Load) -> None:
    loaded = load("plugins: {llm_providers: [{name: anthropic, enabled: true, config: {timeout: 7}}]}")
    entry = next(entry for entry in loaded.settings.plugins.llm_providers if entry.name == "anthropic")
    assert entry.enabled
    assert entry.config["timeout"] == 7
    assert entry.config["base_url"] == "https://api.anthropic.com"
    assert [entry.name for entry in loaded.settings.plugins.llm_providers][:2] == ["openai", "anthropic"]


def test_an_entry_that_names_another_plugin_loses_the_options_of_the_one_before(load: Load) -> None:
    loaded = load("plugins: {llm_providers: [{name: openai, plugin: 'plugins.llm.other:Other', enabled: true}]}")
    assert loaded.settings.plugins.llm_providers[0].config == {}


def test_environment_reaches_an_entry_by_name(load: Load) -> None:
    loaded = load(environ={"FOUNDRY__plugins__llm_providers__extractive__enabled": "false"})
    assert not any(entry.enabled for entry in loaded.settings.plugins.llm_providers)


def test_environment_takes_lists_as_json_and_other_text_as_it_stands(load: Load) -> None:
    loaded = load(
        environ={"FOUNDRY__queue__names": '["urgent", "rest"]', "FOUNDRY__database__password": "[not json ${HOME}"}
    )
    assert loaded.settings.queue.names == ("urgent", "rest")
    assert loaded.settings.database.password.get_secret_value() == "[not json ${HOME}"


def test_environment_value_may_lie_in_a_file(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "pw"
    secret.write_text("from a file\n", encoding="utf-8")
    loaded = load(environ={"FOUNDRY__database__password_FILE": str(secret)})
    assert loaded.settings.database.password.get_secret_value() == "from a file"


def test_section_without_keys_counts_as_absent(load: Load) -> None:
    assert load("database:\n  # port: 5433\n").settings.database.port == 5432


def test_settings_cannot_be_changed(load: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().settings.app.name = "other"  # type: ignore[misc]  # that is what is tested
