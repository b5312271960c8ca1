"""Who may look across organisations, and can every job that is enqueued be done?"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

from services.tasks.queue import JOBS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "config", "db", "plugins", "graph", "services", "jobs", "chat_app", "admin_app")
MAINTENANCE = "db.maintenance"
MAY_MAINTAIN = {
    "services/commands/organization.py",
    "services/deletion/organizations.py",
    "services/commands/maintain.py",
    "services/maintenance/expired.py",
    "services/maintenance/files.py",
    "services/maintenance/jobs.py",
    "services/maintenance/retention.py",
    "services/maintenance/rounds.py",
    "services/maintenance/statistics.py",
    "services/maintenance/vectors.py",
    "services/worker/index_migration.py",
    "services/worker/dispatcher.py",
    "services/operations/tenants.py",
    "services/worker/superseded.py",
    "services/worker/sweep.py",
    "services/deletion/resume.py",
    "services/worker/container.py",
}
"""The rooms that look across organisations, and the worker, which opens the role for the sweep and moves it carries."""


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_only_named_modules_open_the_maintenance_role() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "tests" not in path.parts]
    assert len(files) > 100
    importers = {str(path.relative_to(ROOT)) for path in files if MAINTENANCE in _imports(path)}
    assert importers == MAY_MAINTAIN


def test_every_job_name_resolves_to_a_function() -> None:
    assert JOBS
    for name in JOBS:
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function)), name
