"""Do the benchmarks compare what they say they compare?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks import embedding, lexical, parsing
from core.types import EmbeddingKind, Vector
from tests.fixtures.documents import pdf_pages

pytestmark = pytest.mark.usefixtures("own_logging")


def test_both_kinds_of_bm25_find_what_is_there(benchmark_data: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    lexical.main(["--data", str(benchmark_data), "--json", str(figures)])
    read = json.loads(figures.read_text())
    assert (read["ours"]["ndcg_at_10"], read["bm25s"]["ndcg_at_10"], read["difference"]) == (1.0, 1.0, 0.0)


def test_without_torch_it_says_what_to_install(benchmark_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit, match=r"pip install torch==.*\n.*sentence-transformers"):
        embedding.main(["--data", str(benchmark_data)])


def test_ratio_and_agreement_are_those_of_the_two_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0

    def side(cost: float, angle: float) -> embedding.Embed:
        def embed(texts: Sequence[str], batch_size: int, kind: EmbeddingKind) -> Vector:
            nonlocal clock
            clock += cost * len(texts) + batch_size / 1000
            return np.tile(np.array([np.cos(angle), np.sin(angle)], np.float32), (len(texts), 1))

        return embed

    monkeypatch.setattr(time, "perf_counter", lambda: clock)
    monkeypatch.setattr(time, "process_time", lambda: clock)
    figures = embedding.compare(side(1, 0), side(3, np.pi / 3), ["a", "b"] * 50, rounds=3, lengths=[127, 508] * 50)
    assert (figures.ours_batch_size, figures.theirs_batch_size) == (8, 8)
    assert figures.ratio == figures.ratio_low == figures.processor_ratio == pytest.approx(3, abs=0.01)
    assert figures.more_tokens == pytest.approx(635 / 381, abs=0.01)
    assert figures.noise == (1, 1)
    assert figures.cosine_mean == figures.cosine_min == pytest.approx(0.5, abs=1e-3)


def test_what_was_read_is_counted_by_words_order_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "theirs", lambda: lambda path: "boiler the")
    expected, files = tmp_path / "expected", tmp_path / "files"
    expected.mkdir()
    files.mkdir()
    (files / "a.pdf").write_bytes(pdf_pages([["The pump needs oil."], ["The boiler is serviced."]]))
    (expected / "a.pdf.md").write_text("# The pump needs oil.\n\nThe boiler is serviced.\n")
    evidence = [{"file": "a.pdf", "page": page, "text": "boiler serviced"} for page in (1, 2)]
    (tmp_path / "qa.jsonl").write_text(json.dumps({"evidence": evidence}))
    figures = tmp_path / "figures.json"
    parsing.main(
        ["--files", str(files), "--expected", str(expected), "--questions", str(tmp_path / "qa.jsonl"),
         "--json", str(figures)]
    )  # fmt: skip
    read = json.loads(figures.read_text())
    assert (read["formats"]["pdf"]["ours"]["words"], read["formats"]["pdf"]["ours"]["pairs"]) == (1.0, 1.0)
    assert read["formats"]["pdf"]["unstructured"] == {"words": 0.25, "pairs": 0.0}
    assert (read["pages"]["evidence"], read["pages"]["right"]) == (2, 1)
