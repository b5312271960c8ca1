"""What is in the images, who runs there, and what starts?"""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.dockerfile import Stage, in_context, stages

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"core", "config", "db", "plugins", "graph", "services", "jobs", "chat_app", "admin_app"}
NEEDED_BESIDE = {"pyproject.toml", "requirements.lock", "README.md", "LICENSE"}
ROOT_USERS = (None, "root", "0")


@pytest.fixture(scope="module")
def images() -> dict[str, Stage]:
    """The stages that somebody runs, by name."""
    every = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    built = {part["build"]["target"] for part in compose["services"].values() if "build" in part}
    assert built == {"app", "worker"}
    return {name: every[name] for name in built}


def test_every_image_holds_every_package_where_it_works(images: dict[str, Stage]) -> None:
    for image in images.values():
        assert {name: image.copied.get(name) for name in PACKAGES} == {name: image.folder / name for name in PACKAGES}
        assert set(image.copied) == PACKAGES | NEEDED_BESIDE


def test_what_is_sent_to_the_builder_is_the_product_and_nothing_else() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a clone: nobody says which files are the product")
    product = {
        path
        for path in listed.stdout.splitlines()
        if path in NEEDED_BESIDE or (Path(path).parts[0] in PACKAGES and "tests" not in Path(path).parts)
    }
    assert len(product) > 300
    assert {path for path in listed.stdout.splitlines() if in_context(path, ignore)} == product
    for secret in (".env", ".git/config", ".data/secrets/redis", "core/__pycache__/errors.pyc", ".venv/bin/python"):
        assert not in_context(secret, ignore), secret


def test_nobody_runs_as_root_and_who_runs_owns_the_data(images: dict[str, Stage]) -> None:
    for name, image in images.items():
        assert image.user not in ROOT_USERS, name
        assert image.environment["FOUNDRY_DATA_DIR"] in image.volumes
        made = [command for user, command in image.ran if user in ROOT_USERS and "useradd" in command]
        assert any(f"--uid {image.user}" in command for command in made), "the user is made in the image"


def test_packages_are_installed_as_they_are_locked(images: dict[str, Stage]) -> None:
    build = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))["build"]
    installs = [command for _, command in build.ran if "pip install" in command and "requirements.lock" in command]
    assert any("-r requirements.lock" in command and "--require-hashes" in command for command in installs)
    for image in images.values():
        assert not [command for _, command in image.ran if "pip install" in command], "only the build stage installs"


def test_what_an_image_starts_is_there(images: dict[str, Stage]) -> None:
    for image in images.values():
        program, option, module = image.command
        assert (program, option) == ("python", "-m")
        assert importlib.util.find_spec(module) is not None
    assert images["app"].command != images["worker"].command
