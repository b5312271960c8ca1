"""Do ``${VAR}``, ``secret://`` and ``setting://`` lead where they should, and nowhere else?"""

from __future__ import annotations

from pathlib import Path

import pytest

from config.show import effective
from core.errors import ConfigurationError
from tests.unit.config.conftest import Load


@pytest.mark.parametrize(
    ("written", "environ", "expected"),
    [
        ("${NAME}", {"NAME": "Payroll"}, "Payroll"),
        ("${NAME:fallback}", {}, "fallback"),
        ("${NAME:fallback}", {"NAME": ""}, "fallback"),
        ("${NAME:http://x:1/y}", {}, "http://x:1/y"),
        ("the ${A} and ${B:b}", {"A": "a"}, "the a and b"),
        ("$${NAME}", {"NAME": "Payroll"}, "${NAME}"),
    ],
)
def test_variable_is_replaced(load: Load, written: str, environ: dict[str, str], expected: str) -> None:
    assert load(f"app: {{name: '{written}'}}", environ).settings.app.name == expected


def test_variable_becomes_the_type_of_its_key(load: Load) -> None:
    loaded = load("chat: {port: '${PORT}'}\nfeature_flags: {voice_input: '${VOICE:true}'}", {"PORT": "9001"})
    assert loaded.settings.chat.port == 9001
    assert loaded.settings.feature_flags.voice_input is True


def test_variable_may_lie_in_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n", encoding="utf-8")
    entry = load(environ={"OPENAI_API_KEY_FILE": str(tmp_path / "key")}).settings.plugins.llm_providers[0]
    assert entry.enabled
    assert entry.config["api_key"] == "sk-file"


def test_variable_that_is_not_set_is_a_mistake_that_names_it(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)department\.yaml: app\.name.*NAME is not set"):
        load("app: {name: '${NAME}'}")


def test_values_of_the_environment_and_saved_settings_are_not_expanded(load: Load) -> None:
    loaded = load(environ={"FOUNDRY__app__name": "${HOME}", "HOME": "x"}, saved={"chat": {"public_url": "http://${H}"}})
    assert loaded.settings.app.name == "${HOME}"
    assert loaded.settings.chat.public_url == "http://${H}"


def _secret(tmp_path: Path, mode: int) -> None:
    (tmp_path / "secrets").mkdir()
    path = tmp_path / "secrets" / "db"
    path.write_text("hunter2\n", encoding="utf-8")
    path.chmod(mode)


def test_secret_file_is_read_and_never_shown(load: Load, tmp_path: Path) -> None:
    _secret(tmp_path, 0o600)
    loaded = load(saved={"database": {"password": "secret://db"}, "app": {"name": "secret://db"}})
    assert loaded.settings.database.password.get_secret_value() == "hunter2"
    assert "hunter2" not in str(effective(loaded)) + repr(loaded.settings.database)


def test_secret_file_that_others_may_read_is_refused(load: Load, tmp_path: Path) -> None:
    _secret(tmp_path, 0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load("database: {password: 'secret://db'}")


@pytest.mark.parametrize("name", ["gone", "../db", "/etc/passwd", ".hidden", ""])
def test_secret_that_is_absent_or_lies_elsewhere_is_refused(load: Load, tmp_path: Path, name: str) -> None:
    _secret(tmp_path, 0o600)
    with pytest.raises(ConfigurationError, match=r"database\.password"):
        load(f"database: {{password: 'secret://{name}'}}")


def test_secrets_folder_can_be_chosen(load: Load, tmp_path: Path) -> None:
    _secret(tmp_path, 0o400)
    elsewhere = (tmp_path / "secrets").rename(tmp_path / "elsewhere")
    loaded = load("database: {password: 'secret://db'}", {"FOUNDRY_SECRETS_DIR": str(elsewhere)})
    assert loaded.settings.database.password.get_secret_value() == "hunter2"


def test_plugin_options_may_refer_to_settings(load: Load) -> None:
    secret = "s" * 40
    loaded = load(environ={"FOUNDRY__auth__jwt_secret_key": secret, "FOUNDRY__auth__access_token_expire_minutes": "5"})
    options = loaded.settings.plugins.authentication[0].config
    assert options["secret_key"].get_secret_value() == secret
    assert options["access_minutes"] == 5
    assert secret not in repr(loaded.settings) + str(effective(loaded))


@pytest.mark.parametrize("key", ["auth.unknown", "auth.model_dump", "plugins.llm", "nothing"])
def test_setting_that_does_not_exist_is_a_mistake(load: Load, key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"setting://{key}"):
        load(f"plugins: {{cache: [{{name: memory, config: {{max_entries: 'setting://{key}'}}}}]}}")
