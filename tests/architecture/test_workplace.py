"""Is a commit judged alike by hooks, by the Makefile and by CI, and without a network?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def planned(target: str) -> list[str]:
    """The commands that make would run for a target."""
    command = ["make", "--dry-run", "--always-make", target]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return outcome.stdout.splitlines()


def test_hooks_run_exactly_what_lint_runs_with_the_tools_that_are_there() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [one["repo"] for one in repositories] == ["local"], "another one would be fetched"
    hooks = repositories[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}, "another one would install something"
    entries = [hook["entry"].split() for hook in hooks]
    assert all(entry[0] == "make" for entry in entries)
    commands = {line for entry in entries for line in planned(entry[-1])}
    assert commands == set(planned("lint"))
    assert all(any(tool in line for line in commands) for tool in ("ruff check", "ruff format", "mypy", "lint-imports"))


def test_the_file_of_the_hooks_is_one_that_pre_commit_takes() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def test_ci_runs_what_anybody_may_run() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = {step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step}
    assert ".ci/run" in commands
    assert all(command == ".ci/run" or planned(command.removeprefix("make ")) for command in commands)
    assert workflow["permissions"] == {"contents": "read"}


def test_the_container_for_developers_is_a_python_that_fits_and_installs_what_the_makefile_does() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    image = re.fullmatch(r"python:(\d+)\.(\d+)", container["image"])
    assert image
    assert (3, 11) <= (int(image[1]), int(image[2])) <= (3, 13)
    assert container["updateContentCommand"] == "make install-dev"
    for command in (container["onCreateCommand"], container["postCreateCommand"]):
        assert command.startswith("make ") or (ROOT / command).is_file()


def test_templates_ask_for_something() -> None:
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    forms = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yml") if path.stem != "config"]
    assert len(forms) == 2
    for form in forms:
        fields = [part for part in form["body"] if part["type"] != "markdown"]
        assert any(part.get("validations", {}).get("required") for part in fields)
        assert len({part["id"] for part in fields}) == len(fields)
