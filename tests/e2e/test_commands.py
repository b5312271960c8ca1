"""Does the command line keep its word, from an empty folder on?

Real processes, real stores. One `foundry up` runs for all that may share it; commands that start their own stores
use a second folder. Short commands are forked from a process that has imported them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from plugins.framework.manifest import discover
from tests.support.command_server import CommandServer, command_server

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240
LEAVE = b"# Leave\n\nEvery employee of Halvemoor has 31 days of annual leave. It is requested in the portal.\n"


@dataclass(frozen=True, slots=True)
class Foundry:
    """The command, with a data folder of its own and nothing of the caller's settings."""

    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    server: CommandServer | None = None
    """Without one, every command starts from nothing."""

    @property
    def environ(self) -> dict[str, str]:
        """Of every call."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("FOUNDRY", "OPENAI", "ANTHROPIC"))
        }
        return {
            **kept,
            "FOUNDRY_IGNORE_MODEL_KEYS": "1",
            "FOUNDRY__storage__data_dir": str(self.folder),
            **self.options,
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        if self.server is not None:
            return self.server.run(arguments, self.environ)
        return subprocess.run(
            [sys.executable, "-m", "services.commands.cli", *arguments],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[CommandServer]:
    with command_server() as started:
        yield started


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled model, made once."""
    return tmp_path_factory.mktemp("models")


def make_folder(path: Path, models: Path) -> Path:
    """A data folder that does not have to build the model again."""
    path.mkdir(mode=0o700)
    (path / "models").symlink_to(models)
    return path


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, models: Path, server: CommandServer
) -> Iterator[tuple[Foundry, str]]:
    """`foundry up` on free ports, and what it printed until it was ready; ended by SIGTERM."""
    folder = make_folder(tmp_path_factory.mktemp("up") / "data", models)
    foundry = Foundry(folder, {"FOUNDRY__chat__port": free_port(), "FOUNDRY__admin__port": free_port()}, server)
    with subprocess.Popen(
        [sys.executable, "-m", "services.commands.cli", "up", "--no-browser"],
        cwd=ROOT, env=foundry.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        printed = ""
        assert process.stdout is not None
        for line in process.stdout:
            printed += line
            if line.startswith("Ready after"):
                break
        try:
            assert "Ready after" in printed, printed
            yield foundry, printed
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 0


def free_port() -> str:
    """A port nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def test_up_prints_a_cited_answer_a_link_and_addresses_that_work(running: tuple[Foundry, str]) -> None:
    foundry, printed = running
    question = (ROOT / "examples" / "first-question.txt").read_text(encoding="utf-8").strip()
    answer = printed.partition(question)[2]
    assert "[1]" in answer
    assert "employee-handbook.md" in answer
    assert "No language model is configured" in printed
    chat = f"http://127.0.0.1:{foundry.options['FOUNDRY__chat__port']}"
    assert f"Chat:   {chat}" in printed
    assert httpx.get(f"{chat}/readyz", trust_env=False).status_code == 200
    link = next(word for word in printed.split() if "/login/link/" in word)
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.get(link).status_code == 200


def test_a_second_up_on_the_same_folder_is_refused(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    second = foundry("up", "--no-browser")
    assert second.returncode == 1
    assert "already" in second.stderr.lower()
    assert "Traceback" not in second.stderr


def test_a_document_handed_in_by_command_answers_there_and_in_the_running_stack(
    running: tuple[Foundry, str], tmp_path: Path
) -> None:
    foundry, _ = running
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "leave.md").write_bytes(LEAVE)
    (tmp_path / "in" / "empty.txt").write_bytes(b"")
    first = foundry("ingest", str(tmp_path / "in"))
    assert (first.returncode, "version 1 is ready" in first.stdout) == (1, True), first.stdout + first.stderr
    assert "1 of 2 documents are ready." in first.stdout
    again = foundry("ingest", str(tmp_path / "in" / "leave.md"))
    assert (again.returncode, "nothing changed" in again.stdout) == (0, True)
    asked = foundry("ask", "--json", "How many days of annual leave does an employee of Halvemoor have?")
    assert asked.returncode == 0, asked.stderr
    assert "31 days" in json.loads(asked.stdout)["answer"]
    spoken = foundry("ask", "How many days of annual leave does an employee of Halvemoor have?")
    assert "leave.md" in spoken.stdout


def test_a_folder_is_kept_in_step_with_its_documents(running: tuple[Foundry, str], tmp_path: Path) -> None:
    foundry, _ = running
    folder = tmp_path / "drive"
    (folder / "pumps").mkdir(parents=True)
    (folder / "pumps" / "p7.md").write_text("# P7\n\nThe pump P7 of Quellbach runs at 7 bar.\n", encoding="utf-8")
    (folder / "gone.md").write_text("# Gone\n\nThe pump P9 of Quellbach was sold.\n", encoding="utf-8")
    first = foundry("sync", str(folder))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "2 handed in, 0 deleted, 0 refused, 0 unchanged." in first.stdout
    (folder / "pumps" / "p7.md").write_text("# P7\n\nThe pump P7 of Quellbach runs at 8 bar.\n", encoding="utf-8")
    (folder / "gone.md").unlink()
    (folder / "setup.exe").write_bytes(b"MZ\x90\x00" + bytes(200))
    second = foundry("sync", str(folder))
    assert second.returncode == 1
    assert "gone.md: gone, and deleted." in second.stdout
    assert "1 handed in, 1 deleted, 1 refused, 0 unchanged." in second.stdout
    assert "pumps › p7.md: version 2 is ready." in second.stdout
    unknown = foundry("sync", str(folder), "--collection", "Nowhere")
    assert (unknown.returncode, "There are: General" in unknown.stderr) == (1, True), unknown.stderr


def test_the_operator_raises_what_an_organisation_may_have(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    name = foundry("organization", "list").stdout.split(maxsplit=1)[1].strip()
    raised = foundry("organization", "limits", name, "--max-users", "2000")
    assert raised.stdout == f"{name}: 2,000 people, 1,000,000 documents at most.\n", raised.stderr
    refused = foundry("organization", "limits", name, "--max-users", "0")
    assert (refused.returncode, "allowed is 1 to" in refused.stderr) == (1, True), refused.stderr


def test_an_organisation_that_is_not_there_is_not_deleted(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    refused = foundry("organization", "delete", "Nobody", "--yes")
    assert (refused.returncode, "0 organisations are called Nobody" in refused.stderr) == (1, True), refused.stderr
    assert len(foundry("organization", "list").stdout.splitlines()) == 1


def test_what_the_documents_do_not_say_ends_with_3(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    assert foundry("ask", "Who won the football world cup in 1974?").returncode == 3
    near = foundry("ask", "Can unused annual leave be paid out in cash to a contractor?")
    assert (near.returncode, near.stdout.startswith("Nothing here says this outright.")) == (3, True), near.stdout
    assert "employee-handbook.md" in near.stdout


def test_what_cannot_be_ingested_is_said(running: tuple[Foundry, str], tmp_path: Path) -> None:
    foundry, _ = running
    (tmp_path / "nothing").mkdir()
    for path in (tmp_path / "missing.txt", tmp_path / "nothing"):
        result = foundry("ingest", str(path))
        assert (result.returncode, result.stderr.startswith("foundry: There is no file")) == (1, True)


def test_people_are_added_listed_and_sent_a_link(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    created = foundry("user", "create", "ada@halvemoor.example", "--role", "editor")
    assert (created.returncode, "Password:" in created.stdout) == (0, True), created.stderr
    assert "ada@halvemoor.example  editor" in foundry("user", "list").stdout
    link = foundry("user", "link", "ada@halvemoor.example").stdout.strip()
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.get(link).status_code == 200
    twice = foundry("user", "create", "ada@halvemoor.example")
    assert (twice.returncode, "Traceback" in twice.stderr) == (1, False)
    nobody = foundry("user", "link", "nobody@halvemoor.example")
    assert (nobody.returncode, "Traceback" in nobody.stderr) == (1, False)


def test_doctor_finds_all_parts_of_a_running_stack_well(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    result = foundry("doctor")
    assert result.returncode == 0, result.stdout + result.stderr
    assert {"postgres", "redis", "worker"} <= {line.split()[1].rstrip(":") for line in result.stdout.splitlines()}
    assert foundry("doctor", "--only", "worker").stdout.startswith("ok   worker")
    assert foundry("doctor", "--only", "nothing").returncode == 1


def test_config_show_names_value_and_layer(running: tuple[Foundry, str]) -> None:
    foundry, _ = running
    shown = json.loads(foundry("config", "show", "--json", "chat.port").stdout)
    assert str(shown["chat.port"]["value"]) == foundry.options["FOUNDRY__chat__port"]
    assert "environment" in shown["chat.port"]["origin"]
    changed = foundry("config", "show", "--changed").stdout
    assert "storage.data_dir" in changed


def test_plugins_are_listed_checked_and_their_options_described(running: tuple[Foundry, str], tmp_path: Path) -> None:
    foundry, _ = running
    listed = foundry("plugins", "list").stdout
    assert any(line.split()[:2] == ["vector_db", "pgvector"] and "in use" in line for line in listed.splitlines())
    checked = foundry("plugins", "check", "--json", str(tmp_path / "plugins.json"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = {(line["kind"], line["name"]): line for line in json.loads((tmp_path / "plugins.json").read_text("utf-8"))}
    shipped = {(manifest.kind, manifest.name) for _, manifest in discover()}
    assert shipped <= lines.keys()
    assert lines["embedding", "onnx"]["state"] == "healthy"
    assert {line["state"] for line in lines.values()} <= {"healthy", "degraded", "available", "missing"}
    assert "base_url" in json.loads(foundry("plugins", "schema", "llm/openai").stdout)["properties"]
    assert foundry("plugins", "schema", "llm/absent").returncode == 1
    assert foundry("plugins", "new", "cache", "mine", "--into", str(tmp_path)).returncode == 0
    assert (tmp_path / "mine" / "mine" / "plugin.yaml").exists()


def test_the_example_of_a_third_party_plugin_is_listed_and_answers(
    running: tuple[Foundry, str], tmp_path: Path
) -> None:
    foundry, _ = running
    source = ROOT / "examples" / "plugins" / "foundry-bullets"
    info = tmp_path / "foundry_bullets-0.1.0.dist-info"
    info.mkdir()
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["knowledge_foundry.plugins"]
    lines = [f"{name} = {reference}" for name, reference in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[knowledge_foundry.plugins]", *lines]), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foundry-bullets\nVersion: 0.1.0\n", encoding="utf-8")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "plugins: {llm_providers: [{name: bullets, plugin: foundry-bullets, routing: {priority: 1}}]}", encoding="utf-8"
    )
    path = os.pathsep.join([str(source), str(tmp_path)])
    third = Foundry(foundry.folder, {**foundry.options, "PYTHONPATH": path, "FOUNDRY_OVERLAY": str(overlay)})
    assert any(line.split()[:2] == ["llm", "foundry-bullets"] for line in third("plugins", "list").stdout.splitlines())
    asked = third("ask", "How many days of annual leave does a full-time employee have?")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("- "), asked.stdout
    assert "30 working days" in asked.stdout


def test_evaluation_measures_and_leaves_nothing_behind(running: tuple[Foundry, str], tmp_path: Path) -> None:
    foundry, _ = running
    data = tmp_path / "set"
    data.mkdir()
    texts = {"a": "The boiler house has a red door.", "b": "Otters swim in the harbour.", "c": "Bread needs yeast."}
    questions = {"1": ("Which colour is the door of the boiler house?", "a"), "2": ("What swims in the harbour?", "b")}
    write(data / "corpus.jsonl", [{"_id": key, "title": "", "text": text} for key, text in texts.items()])
    write(data / "queries.jsonl", [{"_id": key, "text": text} for key, (text, _) in questions.items()])
    rows = [f"{key}\t{text}\t1" for key, (_, text) in questions.items()]
    (data / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows) + "\n", encoding="utf-8")
    measured = foundry("eval", "retrieval", "--data", str(data), "--json", str(tmp_path / "figures.json"))
    assert measured.returncode == 0, measured.stderr
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert figures["hybrid"]["ndcg@10"] == 1.0
    assert figures["ingest"]["texts_per_s"] > 0
    assert {(row["side"], row["id"]): row["first"][0] for row in figures["rows"]} == {
        (side, key): text for side in ("dense", "bm25", "hybrid") for key, (_, text) in questions.items()
    }
    assert "Texts read: 3 of 3\n" in measured.stderr
    assert "Questions searched, hybrid: 2 of 2\n" in measured.stderr
    asked = tmp_path / "questions.jsonl"
    write(asked, [
        {"question": "How many days of annual leave does an employee of Halvemoor have?", "answer": "31 days",
         "file": "leave.md", "page": 1},
        {"question": "Who won the football world cup in 1974?", "answer": None, "file": None, "page": None},
    ])  # fmt: skip
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "leave.md").write_bytes(LEAVE)
    answered = foundry(
        "eval", "answers", "--questions", str(asked), "--files", str(tmp_path / "files"), "--verbose",
        "--json", str(tmp_path / "answers.json"),
    )  # fmt: skip
    assert answered.returncode == 0, answered.stderr
    counted = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert (counted["hit_rate"], counted["shown_rate"], counted["stated_wrongly"]) == (1.0, 1.0, 0.0)
    answered_row, refused_row = counted["rows"]
    assert "31 days" in answered_row["answered"]
    assert answered_row["cited"][0]["file"] == "leave.md"
    assert (refused_row["outcome"], refused_row["cited"]) == ("refused", [])
    assert "Questions asked: 2 of 2\n" in answered.stderr
    assert answered_row["ms"] > 0
    assert answered_row["confidence"] > 0.5
    assert counted["calibration"]["questions"] >= 1
    write(data / "queries.jsonl", [{"_id": "1", "text": questions["1"][0]}])
    again = foundry(
        "eval", "answers", "--questions", str(data), "--files", str(tmp_path / "files"), "--limit", "1",
        "--json", str(tmp_path / "beir.json"),
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    (door,) = json.loads((tmp_path / "beir.json").read_text(encoding="utf-8"))["rows"]
    assert (door["file"], door["answer"], door["hit"]) == ("a.txt", None, True)
    assert len(foundry("user", "list").stdout.splitlines()) <= 2


def test_a_later_evaluation_tells_what_changed_and_whether_it_is_chance(
    running: tuple[Foundry, str], tmp_path: Path
) -> None:
    foundry, _ = running
    question = "How many days of annual leave does an employee of Halvemoor have?"
    write(tmp_path / "asked.jsonl", [{"question": question, "answer": "31 days", "file": "leave.md", "page": 1}])
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "leave.md").write_bytes(LEAVE)
    asked = ("eval", "answers", "--questions", str(tmp_path / "asked.jsonl"), "--files", str(tmp_path / "files"))
    first = foundry(*asked, "--json", str(tmp_path / "first.json"))
    assert first.returncode == 0, first.stderr
    (tmp_path / "files" / "leave.md").write_bytes(b"# Boots\n\nBoots are black and stand at the gate.\n")
    second = foundry(
        *asked, "--former", str(tmp_path / "first.json"), "--json", str(tmp_path / "second.json"),
        "--report", str(tmp_path / "report.html"),
    )  # fmt: skip
    assert second.returncode == 0, second.stderr
    assert "hit_rate 0.0 1.0 -1 -1 to -1 *" in " ".join(second.stdout.split())
    compared = json.loads((tmp_path / "second.json").read_text(encoding="utf-8"))["comparison"]
    assert [(one["question"], one["now"]["hit"]) for one in compared["changed"]] == [(question, False)]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.index("31 days of annual leave") > page.index("<h4>Then")


def test_demo_in_a_scratch_folder_answers_and_ends_with_0(models: Path, tmp_path: Path) -> None:
    foundry = Foundry(make_folder(tmp_path / "unused", models), {"FOUNDRY__chat__port": free_port()})
    done = foundry("up", "--demo", "--admin-port", free_port())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1]" in done.stdout
    # What ends and is deleted with the demo is of use to nobody.
    for gone in ("Password", "http://", "Ctrl-C", "foundry-demo-"):
        assert gone not in done.stdout + done.stderr
    assert done.stderr.rstrip().endswith("To start for good: make run, or foundry up.")
    assert not (tmp_path / "unused" / "postgres").exists()


def test_commands_without_a_running_stack_start_their_own(models: Path, server: CommandServer, tmp_path: Path) -> None:
    foundry = Foundry(make_folder(tmp_path / "data", models), server=server)
    (tmp_path / "leave.md").write_bytes(LEAVE)
    migrated = foundry("migrate")
    assert (migrated.returncode, "up to date" in migrated.stderr) == (0, True), migrated.stderr
    ingested = foundry("ingest", str(tmp_path / "leave.md"))
    assert ingested.returncode == 0, ingested.stdout + ingested.stderr
    asked = foundry("ask", "How many days of annual leave does an employee of Halvemoor have?")
    assert "31 days" in asked.stdout
    assert foundry("doctor").returncode == 0
    listed = foundry("organization", "list").stdout.split(maxsplit=1)
    gone = foundry("organization", "delete", listed[0], "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert "Nothing of it is left." in gone.stdout
    assert foundry("organization", "list").stdout == ""
    assert not [path for path in (foundry.folder / "files").rglob("*") if path.is_file()]
    shutil.rmtree(foundry.folder)


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
