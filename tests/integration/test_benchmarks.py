"""Do the benchmarks that start a server or build a model compare what they say they compare?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import embedding, router
from plugins.embedding.onnx.tests.tiny_e5 import install, weights_file

pytestmark = pytest.mark.usefixtures("own_logging")


def test_the_router_is_compared_with_a_direct_call_and_its_failover_with_the_timeout(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    router.main(["--calls", "5", "--timeout", "0.2", "--rounds", "1", "--json", str(figures)])
    read = json.loads(figures.read_text())
    assert set(read) == {"in the process", "over HTTP", "failover"}
    assert read["in the process"]["added_p50_ms"] > 0
    assert read["failover"]["ratio_max"] >= 1


def test_the_multilingual_model_is_compared_without_torch(
    benchmark_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz."
    install(tmp_path / "site", weights_file({"▁": -2.0} | dict.fromkeys(letters, -5.0))[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(sys.modules, "torch", None)
    figures = tmp_path / "figures.json"
    given = ["--data", str(benchmark_data), "--against", "multilingual-e5-small", "--rounds", "1", "--ranking"]
    embedding.main([*given, "--threads", "1", "--json", str(figures)])
    read = json.loads(figures.read_text())
    assert read["whole"]["texts"] == 3
    assert read["ranking"]["ours"] == 1.0
    assert "multilingual-e5-small" in capsys.readouterr().out
