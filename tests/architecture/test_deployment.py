"""Do image, compose file, Makefile and bootstrap say what they promise?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.loader import load_settings

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def filled(value: object, variables: dict[str, str]) -> str:
    """A value as compose would fill it in."""
    return _VARIABLE.sub(lambda m: variables.get(m[1]) or (m[3] if m[2] == "-" else ""), str(value))


def test_the_stack_has_its_seven_parts(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "redis", "qdrant", "migrate", "chat", "admin", "worker"}
    assert compose["services"]["qdrant"]["profiles"] == ["qdrant"]


def test_only_chat_and_admin_are_published_and_only_to_this_machine(compose: dict[str, Any]) -> None:
    published = {name: filled(part["ports"], {}) for name, part in compose["services"].items() if "ports" in part}
    assert published == {"chat": "['127.0.0.1:8000:8000']", "admin": "['127.0.0.1:8501:8501']"}


def test_stores_have_no_way_out(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inner"]["internal"] is True
    for name in ("postgres", "redis", "qdrant"):
        assert compose["services"][name]["networks"] == ["inner"]


def test_whatever_stays_up_is_watched(compose: dict[str, Any]) -> None:
    unwatched = [name for name, part in compose["services"].items() if "healthcheck" not in part]
    assert unwatched == ["migrate"]


def test_redis_is_not_older_than_its_last_known_hole(compose: dict[str, Any]) -> None:
    version = re.match(r"redis:(\d+)\.(\d+)\.(\d+)", compose["services"]["redis"]["image"])
    assert version
    assert tuple(int(part) for part in version.groups()) >= (8, 2, 2)


def test_secrets_come_from_the_env_file_and_each_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = dict(
        line.partition("=")[::2] for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"\w+=", line)
    )
    required = {match[1] for match in _VARIABLE.finditer(text) if match[2] == "?"}
    assert len(required) >= 6
    assert required - set(example) == set()
    assert {name: example[name] for name in required if example[name]} == {}, "an example must not hold a secret"
    assert {match[1] for match in _VARIABLE.finditer(text)} - set(example) == set()


@pytest.mark.parametrize("name", ["migrate", "chat", "worker"])
def test_the_settings_given_to_a_part_are_valid_in_production(compose: dict[str, Any], name: str) -> None:
    secret = "a-secret-of-more-than-thirty-two-characters"
    variables = {match[1]: secret for match in _VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}
    variables = {key: value for key, value in variables.items() if key.endswith(("PASSWORD", "SECRET"))}
    given = compose["services"][name]["environment"]
    environ = {key: filled(value, variables) for key, value in given.items()}
    settings = load_settings(environ=environ).settings
    assert settings.app.environment == "production"
    assert settings.database.host == "postgres"
    assert settings.database.password.get_secret_value() == secret
    assert settings.redis.host == "redis"
    may_migrate = bool(settings.database.migration_password.get_secret_value())
    assert may_migrate == (name == "migrate")


@pytest.mark.parametrize("name", ["migrate", "chat", "worker"])
def test_one_line_of_the_env_file_changes_the_vector_store(compose: dict[str, Any], name: str) -> None:
    secret = "a-secret-of-more-than-thirty-two-characters"
    variables = {match[1]: secret for match in _VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}
    variables = {key: value for key, value in variables.items() if key.endswith(("PASSWORD", "SECRET", "API_KEY"))}
    variables |= {"FOUNDRY_VECTOR_DB": "qdrant"}
    part = compose["services"][name]
    environ = {key: filled(value, variables) for key, value in part["environment"].items()}
    (entry,) = (entry for entry in load_settings(environ=environ).settings.plugins.vector_db if entry.enabled)
    assert (entry.name, entry.config["host"], entry.config["port"]) == ("qdrant", "qdrant", 6333)
    assert entry.config["api_key"] == secret
    assert compose["services"]["qdrant"]["environment"]["QDRANT__SERVICE__API_KEY"] == "${FOUNDRY_QDRANT_API_KEY:-}"
    assert part["depends_on"]["qdrant"] == {"condition": "service_healthy", "required": False}


def test_the_admin_app_gets_no_secret(compose: dict[str, Any]) -> None:
    assert set(compose["services"]["admin"]["environment"]) == {"FOUNDRY_API_URL"}


def test_no_script_names_an_index_or_a_host() -> None:
    names = ("Makefile", ".ci/run", ".ci/packages", ".ci/bootstrap", "Dockerfile", "pyproject.toml")
    found = {name: re.findall(r"https?://|index-url|find-links", (ROOT / name).read_text()) for name in names}
    assert found == {name: [] for name in names}


def test_the_makefile_has_the_promised_targets() -> None:
    outcome = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    offered = {line.split()[1] for line in outcome.stdout.splitlines() if line.startswith("make ")}
    assert {"run", "demo", "test", "test-fast", "coverage", "lint", "hooks", "bench", "eval", "help"} <= offered


@pytest.mark.parametrize(("shell", "script"), [("bash", ".ci/run"), ("bash", ".ci/packages"), ("sh", ".ci/bootstrap")])
def test_scripts_parse_and_may_be_run(shell: str, script: str) -> None:
    subprocess.run([shell, "-n", script], cwd=ROOT, check=True)
    assert os.access(ROOT / script, os.X_OK)


def test_a_too_old_python_is_named_before_anything_is_made(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cksum", "cat", "tr", "basename", "rm"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    old = programs / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    environment = {"PATH": str(programs), "VENV": str(tmp_path / "venv")}
    outcome = subprocess.run(
        [str(ROOT / ".ci" / "bootstrap"), "requirements.lock"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in outcome.stderr
    assert "Python 3.9.2" in outcome.stderr
    assert not (tmp_path / "venv").exists()
