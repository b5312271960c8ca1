"""How does sentence-transformers judge pairs of question and passage?"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigurationError, ProviderError
from plugins.reranker.cross_encoder.options import CrossEncoderOptions
from plugins.vendors.upstream import translated

_CHARACTERS = 16
"""More than tokens have, on average of a whole window, in any language."""
_LONGEST_WINDOW = 32_768
"""Tokenizers without a limit write 10**30 as theirs."""


class TorchPairModel:
    """``sentence_transformers.CrossEncoder``; see ``plugins.reranker.cross_encoder.provider.PairModel``."""

    def __init__(self, options: CrossEncoderOptions) -> None:
        self._options = options
        self._model: Any = None
        self._identity: Any = None
        # Its tokenizer is set up anew for each call, and torch spreads one batch over the cores by itself.
        self._turn = threading.Lock()

    def load(self) -> None:
        """Load the model from a folder, from the library's cache, or from the hub where that is allowed.

        Raises:
            ConfigurationError: sentence-transformers or the model is not there, or it is no cross-encoder.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            from sentence_transformers import CrossEncoder
            from torch.nn import Identity
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"backend: torch needs the package {error.name}, which is not installed.",
                next_step="Install knowledge-foundry[torch], or export the model and take the backend onnx.",
            ) from error
        try:
            model = CrossEncoder(
                self._options.model,
                max_length=self._options.max_tokens or None,
                local_files_only=not self._options.download,
                trust_remote_code=False,
            )
        except (OSError, ValueError) as error:
            where = "in this folder" if Path(self._options.model).is_dir() else "on this machine"
            raise ConfigurationError(
                f"model: found no cross-encoder {where}: {self._options.model}.",
                next_step="Give its folder, or set download: true.",
            ) from error
        labels = model.config.num_labels
        if labels != 1:
            raise ConfigurationError(f"model: found a classifier with {labels} classes; allowed: one number.")
        self._model, self._identity = model, Identity()

    def logits(self, query: str, passages: Sequence[str]) -> npt.NDArray[np.float64]:
        """One number per passage, shape ``(n,)``; its tokenizer cuts the longer text of a pair."""
        if self._model is None:
            raise ProviderError("The cross-encoder is not loaded.", next_step="Start the plugin first.")
        # The tokenizer pairs what it cuts with all it cuts elsewhere, which takes it minutes for a book.
        room = _CHARACTERS * min(self._options.max_tokens or self._model.tokenizer.model_max_length, _LONGEST_WINDOW)
        # Foreign: torch has errors of its own, for a full memory among others.
        with self._turn, translated("The cross-encoder", foreign=True):
            judged = self._model.predict(
                [(query[:room], passage[:room]) for passage in passages],
                batch_size=len(passages),
                show_progress_bar=False,
                activation_fn=self._identity,
                convert_to_numpy=True,
            )
        return np.asarray(judged, np.float64).reshape(len(passages))
