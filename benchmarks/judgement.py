"""From what on does the best sentence answer? Fits the judgement of answers that no model wrote, and measures it.

Questions of SQuAD 2.0 (half of them without an answer in the text) and the first half of the examples go through the
real search; of each the best sentence is known to be right or not. The examples are also asked of SQuAD's texts, which
know nothing of them: else no question in another language would be without an answer. A logistic regression is fitted
to that, the examples counting ``EXAMPLES_COUNT`` times, as they are few and what people really ask. The second half of
the examples is never looked at: it is there to measure with.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.identity import Principal
from core.types import Caution, Grounding
from graph.evidence import background
from graph.writing import passages_of
from plugins.interfaces import EmbeddingProvider
from plugins.llm.extractive import judgement
from plugins.llm.extractive.ranking import rank
from services import evaluation
from services.bootstrap import Services, open_services
from services.commands.terminal import counted, say
from services.embedded.supervisor import Supervisor
from services.search.retriever import HybridRetriever
from services.stack import processes
from services.stack.opening import any_stack

FITTED_LINES = 30
"""Of the examples; those after them are for measuring."""
EXAMPLES_COUNT, RIDGE = 3.0, 0.5
STATED = {Caution.CAREFUL: 0.35, Caution.BALANCED: 0.6, Caution.GENEROUS: 0.75}
"""Share of SQuAD's unanswerable questions that each caution lets pass as an answer."""
SHOWN = 6
Row = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, what is known of its best sentence, and whether that is right; ``answerable`` if the texts say it."""

    question: str
    features: Mapping[str, float]
    right: bool
    answerable: bool
    counts: float = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question and where its answer stands: a file, and a page if it has several; None when nowhere."""

    question: str
    file: str | None
    page: int | None = None


def squad(folder: Path, count: int) -> tuple[dict[str, bytes], list[Wanted]]:
    """Paragraphs by file name, and ``count`` questions of each kind, drawn at random but always the same."""
    data = evaluation.read_retrieval_set(folder)
    texts = {f"{key}.txt": text.encode() for key, text in data.corpus.items()}
    answerable = [Wanted(text, f"{next(iter(data.qrels[key]))}.txt") for key, text in data.queries.items()]
    lines = (folder / "queries.unanswerable.jsonl").read_text(encoding="utf-8").splitlines()
    others = [Wanted(json.loads(line)["text"], None) for line in lines if line.strip()]
    draw = random.Random(15)
    return texts, [*draw.sample(answerable, count), *draw.sample(others, count)]


def examples(file: Path) -> list[Wanted]:
    """The first half; the second is not read into anything."""
    return [Wanted(one.question, one.file, one.page) for one in evaluation.read_questions(file)[:FITTED_LINES]]


async def ask(
    retriever: HybridRetriever, embedding: EmbeddingProvider, principal: Principal, wanted: Wanted, counts: float
) -> Asked | None:
    """Search as an answer does, and look at its best sentence; None when nothing was found."""
    found = await retriever.retrieve(wanted.question, principal=principal, limit=20)
    evidence = found.candidates[:SHOWN]
    grounding = Grounding(
        question=wanted.question,
        passages=passages_of(evidence),
        term_idf=dict(found.term_idf),
        background=background(found.candidates),
    )
    ranked = await rank(grounding, embedding)
    if not ranked:
        return None
    chunk = evidence[ranked[0].sentence.passage - 1].chunk
    right = wanted.file == chunk.filename and wanted.page in (None, chunk.page)
    return Asked(
        wanted.question, judgement.features(ranked[0], grounding), right, wanted.file is not None, counts=counts
    )


def fit(asked: Sequence[Asked]) -> tuple[dict[str, float], float]:
    """Weights by feature, and the intercept: Newton's method on the ridge-regularised likelihood."""
    rows = np.array([[one.features.get(name, 0.0) for name in judgement.FEATURES] + [1.0] for one in asked])
    right = np.array([float(one.right) for one in asked])
    counts = np.array([one.counts for one in asked])
    weights: Row = np.zeros(rows.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (counts * (likely - right)) + RIDGE * weights
        curve = (rows * (counts * likely * (1 - likely))[:, None]).T @ rows + RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    named = {name: round(float(value), 3) for name, value in zip(judgement.FEATURES, weights, strict=False)}
    return named, round(float(weights[-1]), 3)


def describe(asked: Sequence[Asked], paragraphs: int) -> dict[str, object]:
    """What ``judgement.json`` holds: weights, thresholds and what both were fitted on."""
    weights, intercept = fit(asked)
    typical = {
        name: round(float(np.mean([one.features.get(name, 0.0) for one in asked])), 3) for name in judgement.FEATURES
    }
    made = judgement.Judgement(weights, intercept, typical, {})
    foreign = [one for one in asked if one.counts == 1.0 and not one.answerable]
    likely = np.array([made.probability(one.features) for one in foreign])
    thresholds = {name.value: round(float(np.quantile(likely, 1 - share)), 3) for name, share in STATED.items()}
    return {
        "weights": weights,
        "intercept": intercept,
        "typical": typical,
        "thresholds": thresholds,
        "fitted_on": {
            "squad": {"paragraphs": paragraphs, "questions": sum(one.counts == 1.0 for one in asked)},
            "examples": sorted({digest(one.question) for one in asked if one.counts != 1.0}),
        },
    }


def digest(question: str) -> str:
    """A question's name in the file of weights."""
    return hashlib.sha256(question.encode()).hexdigest()[:12]


def figures(asked: Sequence[Asked], thresholds: Mapping[str, float], made: judgement.Judgement) -> list[str]:
    """Lines of a table: by caution, what is stated and how much of it is right; and the Brier score."""
    likely = np.array([made.probability(one.features) for one in asked])
    right = np.array([one.right for one in asked])
    answerable = np.array([one.answerable for one in asked])
    lines = [f"Brier score {float(np.mean((likely - right) ** 2)):.3f}"]
    for caution, least in thresholds.items():
        stated = likely >= least
        lines.append(
            f"{caution:9} from {least:.2f} on: hits {float((stated & right)[answerable].mean()):.2f},"
            f" stated wrongly {float(stated[~answerable].mean()):.2f}"
        )
    return lines


@asynccontextmanager
async def _opened(data_dir: Path | None) -> AsyncIterator[Services]:
    async with any_stack(data_dir, say=say) as stack, Supervisor(say) as supervisor:
        if not stack.running:
            await supervisor.start(processes.worker(stack.data_dir))
        async with open_services() as services:
            yield services


async def _asked(
    services: Services, what: str, texts: Mapping[str, bytes], questions: Sequence[tuple[Wanted, float]]
) -> list[Asked]:
    asked: list[Asked] = []
    progress = counted(f"{what}: questions asked")
    async with evaluation.scratch_organization(services, keep=False) as principal:
        await evaluation.load_texts(services, principal, texts, progress=counted(f"{what}: documents read"))
        for done, (wanted, counts) in enumerate(questions, start=1):
            if one := await ask(services.retriever, services.embedding, principal, wanted, counts):
                asked.append(one)
            progress(done, len(questions))
    return asked


async def _run(options: argparse.Namespace) -> None:
    texts, questions = squad(options.squad, options.count)
    samples = {path.name: path.read_bytes() for path in sorted(options.files.iterdir()) if path.is_file()}
    async with _opened(options.data_dir) as services:
        known = [(one, EXAMPLES_COUNT) for one in examples(options.questions)]
        unknown = [(Wanted(one.question, None), counts) for one, counts in known]
        asked = await _asked(services, "SQuAD", texts, [*((one, 1.0) for one in questions), *unknown])
        ours = await _asked(services, "Examples", samples, known)
    kept = describe([*asked, *ours], len(texts))
    text = json.dumps(kept, indent=2)
    if options.write:
        judgement.FILE.write_text(f"{text}\n", encoding="utf-8")
    thresholds: dict[str, float] = kept["thresholds"]  # type: ignore[assignment]
    made = judgement.Judgement(kept["weights"], kept["intercept"], kept["typical"], {})  # type: ignore[arg-type]
    for name, rows in (("SQuAD", [one for one in asked if one.counts == 1.0]), ("examples, lines 1-30", ours)):
        print(f"{name}:", *figures(rows, thresholds, made), sep="\n  ")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print what is reached, and with ``--write`` keep the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--squad", type=Path, required=True, help="folder with corpus, queries and qrels of SQuAD 2.0")
    parser.add_argument("--questions", type=Path, default=Path("examples/questions.jsonl"))
    parser.add_argument("--files", type=Path, default=Path("examples/corpus"))
    parser.add_argument("--count", type=int, default=400, help="questions of each kind")
    parser.add_argument("--write", action="store_true", help="keep the weights as those of the product")
    parser.add_argument("--data-dir", type=Path, default=None)
    asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
