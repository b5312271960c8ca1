"""Do the benchmarks compare what they say they compare?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import structlog

from benchmarks import embedding, lexical, parsing, router
from core.types import EmbeddingKind, Vector
from plugins.embedding.onnx.tests.tiny_e5 import install, weights_file
from tests.fixtures.documents import pdf_pages


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A benchmark configures logging for its process; here the process goes on."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    corpus = {"pump": "The pump needs oil every year.", "boiler": "The boiler is serviced in May.", "x": "Nothing."}
    queries = {"1": "oil of the pump", "2": "servicing the boiler"}
    lines = [json.dumps({"_id": key, "title": "", "text": text}) for key, text in corpus.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    (tmp_path / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": key, "text": text}) for key, text in queries.items())
    )
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\tpump\t1\n2\tboiler\t1\n")
    return tmp_path


def test_both_kinds_of_bm25_find_what_is_there(data: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    lexical.main(["--data", str(data), "--json", str(figures)])
    read = json.loads(figures.read_text())
    assert (read["ours"]["ndcg_at_10"], read["bm25s"]["ndcg_at_10"], read["difference"]) == (1.0, 1.0, 0.0)


def test_without_torch_it_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit, match=r"pip install torch==.*\n.*sentence-transformers"):
        embedding.main(["--data", str(data)])


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


def test_the_router_is_compared_with_a_direct_call_and_its_failover_with_the_timeout(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    router.main(["--calls", "5", "--timeout", "0.2", "--rounds", "1", "--json", str(figures)])
    read = json.loads(figures.read_text())
    assert set(read) == {"in the process", "over HTTP", "failover"}
    assert read["in the process"]["added_p50_ms"] > 0
    assert read["failover"]["ratio_max"] >= 1


def test_the_multilingual_model_is_compared_without_torch(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz."
    install(tmp_path / "site", weights_file({"▁": -2.0} | dict.fromkeys(letters, -5.0))[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(sys.modules, "torch", None)
    figures = tmp_path / "figures.json"
    given = ["--data", str(data), "--against", "multilingual-e5-small", "--rounds", "1", "--ranking"]
    embedding.main([*given, "--threads", "1", "--json", str(figures)])
    read = json.loads(figures.read_text())
    assert read["whole"]["texts"] == 3
    assert read["ranking"]["ours"] == 1.0
    assert "multilingual-e5-small" in capsys.readouterr().out


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
