"""`foundry eval`: how good are search and answers here?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ValidationError
from core.events import Outcome
from core.identity import Principal
from services import evaluation
from services.bootstrap import Services, open_services
from services.commands.terminal import DataDir, counted, run, say
from services.embedded.supervisor import Supervisor
from services.search.retriever import SearchMode
from services.stack import processes
from services.stack.opening import any_stack

app = typer.Typer(no_args_is_help=True, help="Measure search and answers through the real path.")

Rows = list[dict[str, object]]
Json = Annotated[
    Path | None,
    typer.Option("--json", help="Write the figures here, too, with a row for each question.", show_default=False),
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the scratch organisation in place.")]
Files = Annotated[
    Path | None,
    typer.Option(
        "--files",
        help="Folder of documents; `answers` reads it instead of the samples, `retrieval` beside its texts.",
        show_default=False,
    ),
]
CORPUS = Path(__file__).resolve().parents[2] / "examples" / "corpus"


@app.command()
def retrieval(
    data: Annotated[Path, typer.Option(help="Folder with corpus.jsonl, queries.jsonl, qrels.tsv.")],
    json_file: Json = None,
    files: Files = None,
    keep: Keep = False,
    data_dir: DataDir = None,
) -> None:
    """Load a retrieval set into a scratch organisation and rank its questions by each side and by both."""
    figures, rows = run(_retrieval(evaluation.read_retrieval_set(data), files, keep, data_dir))
    names = ("ndcg@10", "recall@10", "recall@100", "mrr", "p50_ms", "p95_ms")
    typer.echo(f"{'':8}" + "".join(f"{name:>12}" for name in names))
    for side in ("dense", "bm25", "hybrid"):
        typer.echo(f"{side:8}" + "".join(f"{figures[side][name]:>12}" for name in names))
    typer.echo(f"ingestion: {figures['ingest']['texts_per_s']} texts/s")
    _write(json_file, figures, rows)


@app.command(name="answers")
def answers_command(
    questions: Annotated[Path, typer.Option(help="JSON lines: question, answer, file, page.")],
    json_file: Json = None,
    files: Files = None,
    keep: Keep = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="List the questions that went wrong.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Ask questions whose answers are known and count what came back."""
    figures, rows = run(_answers(evaluation.read_questions(questions), files or CORPUS, keep, data_dir))
    for name, value in figures.items():
        typer.echo(f"{name:22}{value:>8}")
    for row in rows:
        wrong = not row["hit"] if row["answerable"] else row["outcome"] == Outcome.ANSWERED
        if verbose and wrong:
            typer.echo(json.dumps(row, ensure_ascii=False))
    _write(json_file, figures, rows)


async def _retrieval(
    data: evaluation.RetrievalSet, files: Path | None, keep: bool, data_dir: Path | None
) -> tuple[dict[str, dict[str, float]], Rows]:
    texts = {f"{key}.txt": (text or key).encode() for key, text in data.corpus.items()}
    figures: dict[str, dict[str, float]] = {}
    rows: Rows = []
    async with _scratch(keep, data_dir) as (services, principal):
        speed = await evaluation.load_texts(
            services, principal, {**texts, **_contents(files)}, progress=counted("Texts read")
        )
        for mode in SearchMode:
            asked = counted(f"Questions searched, {mode.value}")
            figures[mode.value], ranked = await evaluation.measure_retrieval(
                services, principal, data, mode, progress=asked
            )
            rows += ranked
    return {**figures, "ingest": {"texts_per_s": round(speed, 2)}}, rows


async def _answers(
    questions: list[evaluation.Question], files: Path, keep: bool, data_dir: Path | None
) -> tuple[dict[str, float], Rows]:
    contents = _contents(files)
    if not contents:
        raise ValidationError(f"There are no documents in {files}.")
    async with _scratch(keep, data_dir) as (services, principal):
        await evaluation.load_texts(services, principal, contents, progress=counted("Documents read"))
        return await evaluation.measure_answers(services, principal, questions, progress=counted("Questions asked"))


def _contents(folder: Path | None) -> Mapping[str, bytes]:
    if folder is None:
        return {}
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@asynccontextmanager
async def _scratch(keep: bool, data_dir: Path | None) -> AsyncIterator[tuple[Services, Principal]]:
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(any_stack(data_dir, say=say))
        if not stack.running:
            supervisor = await exits.enter_async_context(Supervisor(say))
            await supervisor.start(processes.worker(stack.data_dir))
        services = await exits.enter_async_context(open_services())
        yield services, await exits.enter_async_context(evaluation.scratch_organization(services, keep=keep))


def _write(path: Path | None, figures: Mapping[str, object], rows: Rows) -> None:
    if path is not None:
        text = json.dumps({**figures, "rows": rows}, ensure_ascii=False, indent=2)
        path.write_text(f"{text}\n", encoding="utf-8")
