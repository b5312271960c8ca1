"""What cannot hold on this machine: does something else hold instead, and is it said?"""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

import plugins.embedding.sentence_transformers.provider as sentence_transformers
from config.loader import load_settings
from services.fallbacks import Fitted, fitted, parsers_for, tell

TORCH = "plugins.embedding.sentence_transformers:SentenceTransformersProvider"


def fit(tmp_path: Path, department: str) -> Fitted:
    overlay = tmp_path / "department.yaml"
    overlay.write_text(department, encoding="utf-8")
    environ = {"FOUNDRY_DATA_DIR": str(tmp_path), "FOUNDRY__auth__jwt_secret_key": "k" * 40}
    return fitted(load_settings(overlay=overlay, environ=environ))


def embedding(model: str, device: str = "") -> str:
    options = f"{{model_name: '{model}', device: '{device}'}}"
    return f"plugins: {{embedding_models: {{default: {{plugin: '{TORCH}', config: {options}}}}}}}"


def test_with_what_is_shipped_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert fit(tmp_path, "").notices == ()


@pytest.mark.parametrize(
    ("lacking", "model", "stands_in"),
    [
        ("It is not installed.", "sentence-transformers/all-MiniLM-L6-v2", True),
        ("It is not installed.", "BAAI/bge-small-en-v1.5", False),
        ("", "sentence-transformers/all-MiniLM-L6-v2", False),
    ],
)
def test_without_torch_the_model_that_onnx_has_too_runs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str, model: str, stands_in: bool
) -> None:
    monkeypatch.setattr(sentence_transformers, "_lacking", lambda _: lacking)
    found = fit(tmp_path, embedding(model))
    entry = found.settings.plugins.embedding
    assert entry is not None
    assert (entry.plugin == "plugins.embedding.onnx:OnnxEmbedding") is stands_in
    assert [notice.key for notice in found.notices] == ["plugins.embedding_models.default"] * stands_in


def test_without_cuda_the_model_runs_on_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_transformers, "_lacking", lambda _: "")
    monkeypatch.setattr(sentence_transformers, "_has_cuda", lambda: False)
    found = fit(tmp_path, embedding("BAAI/bge-small-en-v1.5", "cuda"))
    entry = found.settings.plugins.embedding
    assert entry is not None
    assert (entry.plugin, entry.config["device"], entry.config["model_name"]) == (
        TORCH,
        "cpu",
        "BAAI/bge-small-en-v1.5",
    )
    (notice,) = found.notices
    assert "device: cuda is not there" in notice.text


def test_with_cuda_the_device_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_transformers, "_lacking", lambda _: "")
    monkeypatch.setattr(sentence_transformers, "_has_cuda", lambda: True)
    found = fit(tmp_path, embedding("any", "cuda"))
    assert found.settings.plugins.embedding is not None
    assert found.settings.plugins.embedding.config["device"] == "cuda"
    assert found.notices == ()


def test_a_folder_of_chroma_is_no_fallback_for_two_processes(tmp_path: Path) -> None:
    chroma = "{plugin: 'plugins.vector_db.chroma:ChromaProvider', config: {persist_directory: ./chroma}}"
    found = fit(
        tmp_path, f"vector_db: {{provider: qdrant, host: q}}\nplugins: {{vector_databases: {{fallback: {chroma}}}}}"
    )
    plugins = found.settings.plugins
    assert plugins.vector_databases.fallback == "pgvector"
    assert [entry.name for entry in plugins.vector_db if entry.enabled] == ["pgvector", "qdrant"]
    # Where PostgreSQL is the first store already there is none beside it.
    alone = fit(tmp_path, f"plugins: {{vector_databases: {{fallback: {chroma}}}}}").settings.plugins
    assert alone.vector_databases.fallback == ""
    assert [entry.name for entry in alone.vector_db if entry.enabled] == ["pgvector"]


def test_a_server_of_chroma_is_a_fallback(tmp_path: Path) -> None:
    chroma = "{plugin: 'plugins.vector_db.chroma:ChromaProvider', config: {host: chroma.example}}"
    found = fit(tmp_path, f"plugins: {{vector_databases: {{fallback: {chroma}}}}}")
    assert found.settings.plugins.vector_databases.fallback == "chroma"
    assert found.notices == ()


def test_a_parser_that_names_a_type_comes_first_and_reads_nothing_else(tmp_path: Path) -> None:
    found = fit(tmp_path, "plugins: {document_parsers: {text: {mime_types: [text/html, text/markdown]}}}")

    def first(mime_type: str) -> list[str]:
        return [entry.name for entry in parsers_for(found.settings, mime_type)][:1]

    assert first("text/markdown") == ["text"]
    assert first("text/csv") == ["unstructured"]
    # Named, but nothing this parser reads: the one that does takes it, and it is said.
    assert first("text/html") == ["unstructured"]
    (notice,) = found.notices
    assert "text/html is nothing that this parser reads; unstructured reads it" in notice.text


def test_a_plugin_with_wrong_options_is_named_when_it_starts(tmp_path: Path) -> None:
    found = fit(tmp_path, "plugins: {llm_providers: {extractive: {config: {max_sentnces: 3}}}}")
    (notice,) = found.notices
    assert "max_sentnces: found an unknown key" in notice.text
    with capture_logs() as logs:
        tell(found.notices)
    assert [(entry["event"], entry["key"]) for entry in logs] == [
        ("setting_notice", "plugins.llm_providers.extractive")
    ]
