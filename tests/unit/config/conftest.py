"""What does a test of the settings need?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from config.loader import LoadedSettings, load_settings

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the shipped files with a department file given as text and only the given environment."""

    def run(
        department: str = "",
        environ: Mapping[str, str] | None = None,
        saved: Mapping[str, object] | None = None,
        environment: str | None = None,
    ) -> LoadedSettings:
        overlay = tmp_path / "department.yaml"
        overlay.write_text(department, encoding="utf-8")
        return load_settings(
            environment=environment,
            overlay=overlay,
            saved=saved,
            environ={"FOUNDRY_DATA_DIR": str(tmp_path), **(environ or {})},
        )

    return run
