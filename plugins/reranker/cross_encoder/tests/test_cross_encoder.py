"""Does the cross-encoder say what its model says, to whole batches as to single pairs?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import ValidationError

from core.errors import ConfigurationError, ProviderError
from core.types import PluginStatus
from plugins.interfaces import PluginContext
from plugins.reranker.cross_encoder import CrossEncoderReranker
from plugins.reranker.cross_encoder.onnx_model import _window
from tests.contracts.test_reranker import candidate
from tests.fixtures.cross_encoder import WINDOW, reference_logit, texts_of, write_cross_encoder

QUERY = "how long do refunds take"


@asynccontextmanager
async def reranker_of(folder: Path, **options: Any) -> AsyncIterator[CrossEncoderReranker]:
    async with httpx.AsyncClient() as http:
        made = CrossEncoderReranker.Options.model_validate({"model": str(folder), **options})
        reranker = CrossEncoderReranker(made, PluginContext(http=http, data_dir=folder))
        try:
            await reranker.start()
            yield reranker
        finally:
            await reranker.close()


async def scores_of(folder: Path, query: str, texts: list[str], **options: Any) -> dict[str, float]:
    async with reranker_of(folder, **options) as reranker:
        found = await reranker.rerank(query, [candidate(text) for text in texts], len(texts))
    return {item.chunk.content: item.score for item in found}


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


@pytest.mark.parametrize("segments", [True, False])
async def test_scores_are_those_of_each_pair_alone(tmp_path: Path, segments: bool) -> None:
    write_cross_encoder(tmp_path, segments=segments)
    texts = [*texts_of(25), "x" * 500, "", "days " * 44]
    scores = await scores_of(tmp_path, QUERY, texts, batch_size=7, threads=3)
    assert scores == pytest.approx({text: sigmoid(reference_logit(tmp_path, QUERY, text)) for text in texts}, abs=1e-5)
    assert max(scores.values()) - min(scores.values()) > 0.001, "a model that tells nothing apart tests nothing"


async def test_passage_is_cut_to_the_window_and_the_question_is_not(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    passage = "paper " * 400
    scores = await scores_of(tmp_path, QUERY, [passage, passage + "refunds"])
    assert len(set(scores.values())) == 1
    # [CLS], question, [SEP], what is left for the passage, [SEP]
    question = len(["how", "long", "d", "o", "refunds", "take"])
    visible = "paper " * (WINDOW - 3 - question - 1)
    different = await scores_of(tmp_path, QUERY, [visible + "days", visible + "long", visible + "paper days"])
    assert different[visible + "days"] != different[visible + "long"]
    assert different[visible + "paper days"] == pytest.approx(scores[passage])


async def test_question_that_fills_the_window_leaves_half_of_it_to_the_passage(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    half = (WINDOW - 3) // 2
    scores = await scores_of(tmp_path, "long " * 500, ["refunds days", "printer paper"])
    assert scores["refunds days"] != scores["printer paper"]
    assert scores == pytest.approx(await scores_of(tmp_path, "long " * half, list(scores)))


async def test_smaller_window_in_the_options_is_kept(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    texts = ["paper " * 20 + "days", "paper " * 20 + "long"]
    assert len(set((await scores_of(tmp_path, QUERY, texts)).values())) == 2
    assert len(set((await scores_of(tmp_path, QUERY, texts, max_tokens=20)).values())) == 1


async def test_identity_keeps_the_number_of_the_model_within_0_and_1(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    texts = texts_of(20)
    scores = await scores_of(tmp_path, QUERY, texts, activation="identity")
    logits = {text: reference_logit(tmp_path, QUERY, text) for text in texts}
    assert scores == pytest.approx({text: min(max(logit, 0), 1) for text, logit in logits.items()}, abs=1e-5)
    assert list(scores) == sorted(texts, key=lambda text: -logits[text])


@pytest.mark.parametrize("file", ["onnx/model.onnx", "onnx/model_qint8.onnx"])
async def test_graph_is_found_in_its_folder_or_where_the_options_say(tmp_path: Path, file: str) -> None:
    write_cross_encoder(tmp_path, file=file)
    options = {} if file == "onnx/model.onnx" else {"file": file}
    async with reranker_of(tmp_path, **options) as reranker:
        assert (await reranker.health_check()).status is PluginStatus.HEALTHY


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("content", [None, b"\x00nonsense{"])
async def test_folder_without_a_part_of_the_model_says_which(tmp_path: Path, name: str, content: bytes | None) -> None:
    write_cross_encoder(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match="ONNX file|" + name.replace(".", r"\.")):
        async with reranker_of(tmp_path):
            pass


async def test_classifier_with_several_classes_is_no_reranker(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path, labels=3)
    with pytest.raises(ProviderError, match="one number"):
        async with reranker_of(tmp_path):
            pass


async def test_model_that_gives_no_numbers_is_an_error_and_unwell(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    write_cross_encoder(tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.ndim == 2:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(value, np.nan), tensor.name))
    onnx.save(model, tmp_path / "model.onnx")
    async with reranker_of(tmp_path) as reranker:
        assert (await reranker.health_check()).status is PluginStatus.BROKEN
        with pytest.raises(ProviderError, match="no number"):
            await reranker.rerank(QUERY, [candidate("refunds")], 1)


@pytest.mark.parametrize(
    ("config", "tokenizer_config", "window"),
    [
        ({}, {}, 512),
        ({"max_position_embeddings": 8192}, {}, 8192),
        ({"max_position_embeddings": 8192}, {"model_max_length": 1024}, 1024),
        ({"max_position_embeddings": 512}, {"model_max_length": 10**30}, 512),
        ({"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}, {}, 512),
        ({"max_position_embeddings": 514, "model_type": "bert", "pad_token_id": 1}, {}, 514),
        ({"max_position_embeddings": "many"}, {"model_max_length": None}, 512),
    ],
)
def test_window_is_what_the_files_of_the_model_say(
    config: dict[str, Any], tokenizer_config: dict[str, Any], window: int
) -> None:
    assert _window(config, json.loads(json.dumps(tokenizer_config))) == window


@pytest.mark.parametrize(
    "options",
    [
        {"model": ""},
        {"model": "m", "file": "../other/model.onnx"},
        {"model": "m", "file": "/etc/model.onnx"},
        {"model": "m", "file": "model.onnx", "backend": "torch"},
        {"model": "m", "max_tokens": 3},
        {"model": "m", "devise": "cpu"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CrossEncoderReranker.Options.model_validate(options)


async def test_name_of_a_model_is_for_torch_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must be the model's folder"):
        async with reranker_of(Path("cross-encoder/ms-marco-MiniLM-L6-v2")):
            pass


async def test_torch_backend_without_torch_names_what_is_missing(tmp_path: Path) -> None:
    if find_spec("sentence_transformers") is not None:
        pytest.skip("sentence-transformers is installed, so that nothing is missing")
    with pytest.raises(ConfigurationError, match=r"sentence_transformers.*knowledge-foundry\[torch\]"):
        async with reranker_of(tmp_path, backend="torch"):
            pass


async def test_torch_backend_says_what_the_library_says_to_each_pair_alone(tmp_path: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="extra torch is not installed")
    from tests.fixtures.torch_cross_encoder import write_torch_cross_encoder

    texts = texts_of(25)
    scores = await scores_of(write_torch_cross_encoder(tmp_path), QUERY, texts, backend="torch", batch_size=7)
    model = sentence_transformers.CrossEncoder(str(tmp_path))  # its own activation for one label is the sigmoid
    alone = {text: float(model.predict([(QUERY, text)], show_progress_bar=False)[0]) for text in texts}
    assert scores == pytest.approx(alone, abs=1e-5)
    assert max(scores.values()) - min(scores.values()) > 0.001, "a model that tells nothing apart tests nothing"


async def test_torch_backend_keeps_to_the_window_of_the_options(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="extra torch is not installed")
    from tests.fixtures.torch_cross_encoder import write_torch_cross_encoder

    write_torch_cross_encoder(tmp_path)
    texts = ["paper " * 20 + "days", "paper " * 20 + "long"]
    assert len(set((await scores_of(tmp_path, QUERY, texts, backend="torch")).values())) == 2
    assert len(set((await scores_of(tmp_path, QUERY, texts, backend="torch", max_tokens=20)).values())) == 1


async def test_torch_backend_refuses_classifiers_and_fetches_nothing_unasked(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="extra torch is not installed")
    from tests.fixtures.torch_cross_encoder import write_torch_cross_encoder

    with pytest.raises(ConfigurationError, match="3 classes"):
        async with reranker_of(write_torch_cross_encoder(tmp_path, labels=3), backend="torch"):
            pass
    with pytest.raises(ConfigurationError, match="download"):
        async with reranker_of(Path("cross-encoder/ms-marco-MiniLM-L6-v2"), backend="torch"):
            pass


def test_importing_the_plugin_does_not_import_what_is_heavy() -> None:
    script = (
        "import sys, plugins.reranker.cross_encoder;"
        "sys.exit(bool({'onnxruntime', 'tokenizers', 'torch', 'sentence_transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
