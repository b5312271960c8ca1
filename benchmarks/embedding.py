"""How fast are texts embedded, compared with sentence-transformers on torch with the same weights, and how alike?

Both sides read the same texts in one process, turn by turn, with the same number of threads, each with the batch size
that suits it best. Two kinds of texts: cut to the model's window, so that both read the same tokens; and whole, where
sentence-transformers drops what lies beyond the window and ours embeds it too. With --against, the default model is
compared with another one of the same plugin, and torch is not needed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from core.types import EmbeddingKind, Vector
from plugins.embedding.onnx import OnnxEmbedding
from plugins.embedding.onnx.encoders import MINILM_PACKAGE, MiniLM, package_file
from plugins.embedding.onnx.provider import SPECIAL
from plugins.interfaces import PluginContext
from services.evaluation import RetrievalSet, rank_scores, read_retrieval_set

BATCH_SIZES = (8, 32, 64, 128)
ROOM = MiniLM.window - SPECIAL
SPEED_AIM, RANKING_AIM = 2.5, 0.005
MISSING = """The side to compare with is not installed. Into the environment that runs this:
  python -m pip install torch==2.13.0
  python -m pip install sentence-transformers
(pip, and this version, so that the build for processors is taken where the index offers it.)"""
TORCH, MINILM, E5 = "sentence-transformers", "all-MiniLM-L6-v2", "multilingual-e5-small"
Embed = Callable[[Sequence[str], int, EmbeddingKind], Vector]


@dataclass(frozen=True, slots=True)
class Turn:
    """One pass over the texts."""

    wall_s: float
    processor_s: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against theirs over the same texts; ratios above 1 say that ours is faster.

    Attributes:
        more_tokens: How many times the tokens ours reads; above 1 where texts are longer than the window.
        noise: Ratios of a side's turn to its own next one, the smallest and the largest: what means nothing.
        processor_ratio: The same ratio by processor time, which other programs on the machine disturb less.
    """

    texts: int
    ours_batch_size: int
    theirs_batch_size: int
    ours_per_s: float
    theirs_per_s: float
    ratio: float
    ratio_low: float
    ratio_high: float
    processor_ratio: float
    more_tokens: float
    noise: tuple[float, float]
    cosine_mean: float
    cosine_min: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """nDCG@10 of exact search over all texts."""

    ours: float
    theirs: float
    difference: float


# -- the two sides


@contextmanager
def ours(threads: int, precision: str, model: str = MINILM) -> Iterator[Embed]:
    """Our plugin, started as the product starts it, once per batch size."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        context = PluginContext(http=httpx.AsyncClient(), data_dir=Path(folder))
        started: dict[int, OnnxEmbedding] = {}

        def embed(texts: Sequence[str], batch_size: int, kind: EmbeddingKind) -> Vector:
            if batch_size not in started:
                options = {"model": model, "threads": threads, "precision": precision, "batch_size": batch_size}
                plugin = OnnxEmbedding(OnnxEmbedding.Options.model_validate(options), context)
                runner.run(plugin.start())
                started[batch_size] = plugin
            return runner.run(started[batch_size].embed_batch(texts, batch_size, kind=kind))

        yield embed
        for plugin in started.values():
            runner.run(plugin.close())
        runner.run(context.http.aclose())


def theirs(threads: int) -> tuple[Embed, Any]:
    """sentence-transformers on the processor, and its tokenizer."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError:
        sys.exit(MISSING)
    torch.set_num_threads(threads)
    model = SentenceTransformer(
        str(package_file(MINILM_PACKAGE, "model.safetensors").parent),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": torch.float32},
    )

    def embed(texts: Sequence[str], batch_size: int, kind: EmbeddingKind) -> Vector:
        vectors: Vector = model.encode(
            list(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    return embed, model.tokenizer


# -- measuring


def timed(embed: Embed, texts: Sequence[str], batch_size: int) -> tuple[Turn, Vector]:
    """One pass, by the clock and by the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    vectors = embed(texts, batch_size, EmbeddingKind.PASSAGE)
    return Turn(time.perf_counter() - wall, time.process_time() - processor), vectors


def best_batch_sizes(sides: Sequence[Embed], texts: Sequence[str]) -> list[int]:
    """Each side's fastest of the same batch sizes, by the better of two passes taken in turn; warms both up, too."""
    # Sizes beyond the first that holds all texts would run the same.
    sizes = [size for i, size in enumerate(BATCH_SIZES) if i == 0 or BATCH_SIZES[i - 1] < len(texts)]
    seconds: list[dict[int, float]] = [dict.fromkeys(sizes, float("inf")) for _ in sides]
    for side in sides:
        for size in sizes:
            side(texts[:8], size, EmbeddingKind.PASSAGE)
    for _ in range(2):
        for size in sizes:
            for best, side in zip(seconds, sides, strict=True):
                best[size] = min(best[size], timed(side, texts, size)[0].wall_s)
    return [min(best, key=lambda size: best[size]) for best in seconds]


def compare(
    our_side: Embed, their_side: Embed, texts: Sequence[str], rounds: int, lengths: Sequence[int]
) -> Comparison:
    """A B A B …, ratios from neighbours in time.

    Args:
        lengths: Tokens of each text, without those that mark its start and end.
    """
    our_size, their_size = best_batch_sizes([our_side, their_side], texts[:: max(1, len(texts) // 128)])
    a, b = [], []
    for _ in range(rounds):
        turn, mine = timed(our_side, texts, our_size)
        a.append(turn)
        turn, other = timed(their_side, texts, their_size)
        b.append(turn)
    ratios = [y.wall_s / x.wall_s for x, y in zip(a, b, strict=True)]
    noise = [x.wall_s / y.wall_s for side in (a, b) for x, y in pairwise(side)]
    cosines = np.sum(mine * other, axis=1)
    return Comparison(
        texts=len(texts),
        ours_batch_size=our_size,
        theirs_batch_size=their_size,
        ours_per_s=round(len(texts) / statistics.median(turn.wall_s for turn in a), 2),
        theirs_per_s=round(len(texts) / statistics.median(turn.wall_s for turn in b), 2),
        ratio=round(statistics.median(ratios), 2),
        ratio_low=round(min(ratios), 2),
        ratio_high=round(max(ratios), 2),
        processor_ratio=round(statistics.median(y.processor_s / x.processor_s for x, y in zip(a, b, strict=True)), 2),
        more_tokens=round(sum(lengths) / sum(min(length, ROOM) for length in lengths), 2),
        noise=(round(min(noise, default=1.0), 2), round(max(noise, default=1.0), 2)),
        cosine_mean=round(float(cosines.mean()), 4),
        cosine_min=round(float(cosines.min()), 4),
    )


def rank(our_side: Embed, their_side: Embed, data: RetrievalSet) -> Ranking:
    """Embed everything with both and compare each question with each text."""
    ours_ndcg, theirs_ndcg = (_ndcg(side, data) for side in (our_side, their_side))
    return Ranking(round(ours_ndcg, 4), round(theirs_ndcg, 4), round(ours_ndcg - theirs_ndcg, 4))


def _ndcg(side: Embed, data: RetrievalSet) -> float:
    names = list(data.corpus)
    corpus = side(list(data.corpus.values()), 32, EmbeddingKind.PASSAGE)
    queries = side(list(data.queries.values()), 32, EmbeddingKind.QUERY)
    best = np.argsort(-(queries @ corpus.T), axis=1, kind="stable")[:, :10]
    return float(
        np.mean(
            [
                rank_scores([names[i] for i in row], data.qrels[query])[0]
                for query, row in zip(data.queries, best, strict=True)
            ]
        )
    )


def sample(texts: Sequence[str], count: int) -> list[str]:
    """That many, evenly spread; all when there are fewer."""
    step = max(1.0, len(texts) / count)
    return [texts[int(i * step)] for i in range(min(count, len(texts)))]


def cut(texts: Sequence[str], tokenizer: Any) -> list[str]:
    """What sentence-transformers reads of each text."""
    encoded = tokenizer(list(texts), truncation=True, max_length=MiniLM.window, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    return [text[: max(end for _, end in spans)] for text, spans in zip(texts, encoded, strict=True)]


def token_counts(texts: Sequence[str], tokenizer: Any) -> list[int]:
    """Tokens of each text however long, without those that mark its start and end."""
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False, truncation=False)["input_ids"]]


# -- face


def show(name: str, figures: Comparison, other: str) -> None:
    low, high = figures.noise
    print(f"{name} ({figures.texts} texts)")
    print(f"  ours                   {figures.ours_per_s:8.2f} texts/s, batch size {figures.ours_batch_size}")
    print(f"  {other:<22} {figures.theirs_per_s:8.2f} texts/s, batch size {figures.theirs_batch_size}")
    print(f"  ratio                  {figures.ratio:8.2f} ({figures.ratio_low:.2f} to {figures.ratio_high:.2f})")
    print(f"  by processor time      {figures.processor_ratio:8.2f}")
    print(f"  each against itself             {low:.2f} to {high:.2f} (noise floor)", flush=True)
    if other != TORCH:
        return
    print(f"  tokens that ours reads {figures.more_tokens:8.2f} times theirs")
    print(f"  cosine agreement       {figures.cosine_mean:8.4f} mean, {figures.cosine_min:.4f} min", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus.jsonl, queries.jsonl, qrels.tsv")
    parser.add_argument("--texts", type=int, default=256, help="texts of the corpus to embed (256)")
    parser.add_argument("--rounds", type=int, default=4, help="times that both sides embed them (4)")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 4), help="on both sides")
    parser.add_argument("--precision", choices=["int8", "fp32"], default="int8", help="of ours")
    parser.add_argument("--against", choices=[TORCH, E5], default=TORCH, help="the other side")
    parser.add_argument("--ranking", action="store_true", help="nDCG@10 over the whole corpus, too; takes a while")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    chosen = parser.parse_args(arguments)
    data = read_retrieval_set(chosen.data)
    whole = sample(list(data.corpus.values()), chosen.texts)
    with ExitStack() as stack:
        kinds = {"whole": (whole, [1] * len(whole))}
        if chosen.against == TORCH:
            their_side, tokenizer = theirs(chosen.threads)
            read = cut(whole, tokenizer)
            kinds = {
                "cut to the window": (read, token_counts(read, tokenizer)),
                "whole": (whole, token_counts(whole, tokenizer)),
            }
        else:
            their_side = stack.enter_context(ours(chosen.threads, chosen.precision, chosen.against))
        our_side = stack.enter_context(ours(chosen.threads, chosen.precision))
        print(f"{chosen.threads} threads on each side, {chosen.rounds} rounds, ours in {chosen.precision}")
        written: dict[str, Mapping[str, object]] = {}
        for name, (texts, lengths) in kinds.items():
            figures = compare(our_side, their_side, texts, chosen.rounds, lengths)
            show(name, figures, chosen.against)
            written[name] = asdict(figures)
        if chosen.ranking:
            ranking = rank(our_side, their_side, data)
            print(f"nDCG@10: ours {ranking.ours:.4f}, {chosen.against} {ranking.theirs:.4f}")
            print(f"  difference {ranking.difference:+.4f}")
            written["ranking"] = asdict(ranking)
    if chosen.against == TORCH:
        print(f"aims: ratio {SPEED_AIM} or better, difference of nDCG@10 -{RANKING_AIM} or better")
    if chosen.json:
        chosen.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
