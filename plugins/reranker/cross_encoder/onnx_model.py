"""How does ONNX Runtime judge pairs of question and passage?

Layout: what optimum and sentence-transformers export, ``model.onnx`` or ``onnx/model.onnx`` beside ``tokenizer.json``
and ``config.json``. The graph takes ``input_ids``, ``attention_mask`` and perhaps ``token_type_ids``, each
``(batch, tokens)``, and gives ``logits`` of shape ``(batch, 1)``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigurationError, ProviderError
from plugins.reranker.cross_encoder.options import CrossEncoderOptions

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

FILES = ("model.onnx", "onnx/model.onnx")
_SANE_WINDOW = 1_000_000
"""Tokenizers without a limit write 10**30 as theirs."""
_POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "mpnet")
"""Models that count positions from the one after the padding token's id, so that some of them are never used."""


class OnnxPairModel:
    """A cross-encoder in a folder; see ``plugins.reranker.cross_encoder.provider.PairModel``."""

    def __init__(self, options: CrossEncoderOptions) -> None:
        self._options = options
        self._folder = Path(options.model)
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None
        self._inputs: dict[str, type[np.generic]] = {}
        self._padding = 0
        self._window = 0

    def load(self) -> None:
        """Read the files.

        Raises:
            ConfigurationError: Something is missing, or the model is no cross-encoder; says what.
        """
        import onnxruntime
        from tokenizers import Tokenizer

        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        config = self._config("config.json")
        self._padding = int(config.get("pad_token_id") or 0)
        self._window = self._options.max_tokens or _window(config, self._config("tokenizer_config.json", needed=False))
        try:
            tokenizer = Tokenizer.from_file(str(self._file("tokenizer.json")))
        except Exception as error:  # the library raises nothing narrower
            raise ConfigurationError(f"model: tokenizer.json in {self._folder} cannot be read.") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        # Several batches beside each other beat several threads in one: no operator waits for the slowest thread.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(self._graph()), options, providers=["CPUExecutionProvider"])
        except ConfigurationError:
            raise
        except Exception as error:  # each kind of broken file has a class of its own there
            raise ConfigurationError(f"model: the ONNX file in {self._folder} cannot be loaded.") from error
        self._inputs = _inputs(session)
        self._session, self._tokenizer = session, tokenizer

    def logits(self, query: str, passages: Sequence[str]) -> npt.NDArray[np.float64]:
        """One number per passage, shape ``(n,)``."""
        if self._session is None or self._tokenizer is None:
            raise ProviderError("The cross-encoder is not loaded.", next_step="Start the plugin first.")
        encodings = self._pairs(self._tokenizer, query, passages)
        shape = (len(encodings), max(len(encoding) for encoding in encodings))
        feed = {name: np.zeros(shape, kind) for name, kind in self._inputs.items()}
        feed["input_ids"][:] = self._padding
        for row, encoding in enumerate(encodings):
            length = len(encoding)
            feed["input_ids"][row, :length] = encoding.ids
            feed["attention_mask"][row, :length] = 1
            if "token_type_ids" in feed:
                feed["token_type_ids"][row, :length] = encoding.type_ids
        try:
            output = np.asarray(self._session.run(None, feed)[0], np.float64)
        except Exception as error:  # whatever a foreign graph does with our input is the model's failure
            raise ProviderError("The cross-encoder failed on a batch.", next_step="Check the model.") from error
        if output.size != len(passages):
            raise ProviderError(
                f"The model gives an output of shape {output.shape[1:]} per pair, not one number.",
                next_step="Take a cross-encoder trained for ranking.",
            )
        return output.reshape(len(passages))

    def _pairs(self, tokenizer: Tokenizer, query: str, passages: Sequence[str]) -> list[Encoding]:
        # Passages are what is cut; a question that fills the window alone would leave no room for any.
        room = self._window - tokenizer.num_special_tokens_to_add(True)
        (question,) = _encoded(tokenizer, [query], room // 2)
        encodings = _encoded(tokenizer, passages, room - len(question))
        return [tokenizer.post_process(question, encoding, add_special_tokens=True) for encoding in encodings]

    def _graph(self) -> Path:
        for name in (self._options.file,) if self._options.file else FILES:
            if (self._folder / name).is_file():
                return self._folder / name
        wanted = self._options.file or " or ".join(FILES)
        raise ConfigurationError(
            f"model: found no {wanted} in {self._folder}.",
            next_step="Export it with optimum-cli export onnx, or take the backend torch.",
        )

    def _file(self, name: str) -> Path:
        path = self._folder / name
        if not path.is_file():
            raise ConfigurationError(f"model: found no {name} in {self._folder}; it must be the model's folder.")
        return path

    def _config(self, name: str, *, needed: bool = True) -> Mapping[str, Any]:
        if not needed and not (self._folder / name).is_file():
            return {}
        try:
            content = json.loads(self._file(name).read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise ConfigurationError(f"model: {name} in {self._folder} cannot be read.") from error
        if not isinstance(content, dict):
            raise ConfigurationError(f"model: {name} in {self._folder} is no object.")
        return content


def _encoded(tokenizer: Tokenizer, texts: Sequence[str], limit: int) -> list[Encoding]:
    """The first ``limit`` tokens of each text, without special ones."""
    encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    for place, encoding in enumerate(encodings):
        if len(encoding) > limit:
            # The library keeps what it truncates and pairs all of it; a text that is cut before has nothing to keep.
            short = texts[place][: encoding.offsets[limit - 1][1]]
            encodings[place] = tokenizer.encode(short, add_special_tokens=False)
            encodings[place].truncate(limit)
    return encodings


def _window(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> int:
    """Longest pair in tokens, as the files of the model say; 512 where they say nothing."""
    limits = [512]
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        if config.get("model_type") in _POSITIONS_AFTER_PADDING:
            positions -= int(config.get("pad_token_id") or 0) + 1
        limits = [positions]
    told = tokenizer_config.get("model_max_length")
    if isinstance(told, int | float) and 0 < told < _SANE_WINDOW:
        limits.append(int(told))
    return min(limits)


def _inputs(session: InferenceSession) -> dict[str, type[np.generic]]:
    """Name → type of what the graph wants.

    Raises:
        ConfigurationError: It wants something else than a cross-encoder does.
    """
    kinds = {item.name: np.int32 if item.type == "tensor(int32)" else np.int64 for item in session.get_inputs()}
    known = {"input_ids", "attention_mask", "token_type_ids"}
    if not {"input_ids", "attention_mask"} <= kinds.keys() <= known:
        raise ConfigurationError(
            f"model: found a graph with the inputs {', '.join(sorted(kinds))}; allowed: {', '.join(sorted(known))}."
        )
    return dict(kinds)
