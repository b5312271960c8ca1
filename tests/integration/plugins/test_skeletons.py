"""Does what `foundry plugins new` writes work as it stands?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from core.errors import ValidationError
from plugins.framework import skeletons
from plugins.framework.manifest import Kind, read_manifest


def test_a_new_plugin_of_every_kind_keeps_its_contract(tmp_path: Path) -> None:
    kinds = get_args(Kind)
    for kind in kinds:
        written = skeletons.write(kind, f"my-{kind.replace('_', '-')}", tmp_path)
        manifest = read_manifest(next(path for path in written if path.name == "plugin.yaml"))
        assert manifest.kind == kind
    folders = [str(path) for path in tmp_path.iterdir()]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", *folders],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    )  # fmt: skip
    assert f"{len(kinds)} passed" in result.stdout, result.stdout


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("oven", "mine", "no kind 'oven'"),
        ("cache", "My Plugin", "no name for a plugin"),
        ("cache", "../mine", "no name for a plugin"),
        ("cache", "class", "no name for a plugin"),
        ("cache", "", "no name for a plugin"),
    ],
)
def test_a_wrong_wish_writes_nothing(tmp_path: Path, kind: str, name: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        skeletons.write(kind, name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    skeletons.write("cache", "mine", tmp_path)
    with pytest.raises(ValidationError, match="there already"):
        skeletons.write("llm", "mine", tmp_path)
