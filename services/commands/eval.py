"""`foundry eval`: how good are search and answers here?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ValidationError
from core.identity import Principal
from services import evaluation, injection_evaluation
from services.bootstrap import Services, open_services
from services.commands.terminal import DataDir, counted, run, say
from services.embedded.supervisor import Supervisor
from services.evaluation.answers import Row
from services.evaluation.comparison import compare, read_run, require_former
from services.evaluation.questions import QuestionSet, require_files
from services.evaluation.report import Report
from services.evaluation.sets import FORMS, contents, read_question_set
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
        help="Folder of documents, beside those of the set; `answers` reads the samples where neither is there.",
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
    questions: Annotated[Path, typer.Option(help=f"What is asked. {FORMS}")],
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only so many, the same each time.")] = None,
    former: Annotated[Path | None, typer.Option(help="JSON of a former run to compare with.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a page of HTML here.")] = None,
    json_file: Json = None,
    files: Files = None,
    keep: Keep = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="List the questions that went wrong.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Ask questions whose answers are known and count what came back."""
    _require_folders(json_file, report)
    asked = read_question_set(questions).draw(limit)
    before = read_run(former) if former else ()
    if former:
        require_former(before, asked.questions)
    rows = run(_answers(asked, files, keep, data_dir))
    measured = Report(rows, compare(before, rows) if former else None)
    for line in measured.lines():
        typer.echo(line)
    for row in rows:
        if verbose and row.went_wrong:
            typer.echo(row.model_dump_json())
    if json_file:
        json_file.write_text(measured.json(), encoding="utf-8")
    if report:
        report.write_text(measured.html(), encoding="utf-8")


def _require_folders(*paths: Path | None) -> None:
    """Before the work, not after it."""
    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise ValidationError(f"There is no folder {path.parent} to write {path.name} into.")


@app.command()
def injection(
    data: Annotated[Path, typer.Option(help="Folder with attacks.jsonl, benign.jsonl, poisoned_docs.jsonl.")],
    json_file: Json = None,
    keep: Keep = False,
    data_dir: DataDir = None,
) -> None:
    """Count orders that are seen in texts, harmless texts taken for one, and poisoned documents that are obeyed."""
    figures, rows = run(_injection(injection_evaluation.read_injection_set(data), keep, data_dir))
    for name, value in figures.items():
        typer.echo(f"{name:22}{value:>8}")
    _write(json_file, figures, rows)


async def _injection(
    data: injection_evaluation.InjectionSet, keep: bool, data_dir: Path | None
) -> tuple[dict[str, float], Rows]:
    flags, rows = await injection_evaluation.measure_flags(data, progress=counted("Texts judged"))
    texts = {f"{one.key}.txt": one.poisoned.encode() for one in data.poisoned}
    async with _scratch(keep, data_dir) as (services, principal):
        await evaluation.load_texts(services, principal, texts, progress=counted("Poisoned documents read"))
        obeyed, asked = await injection_evaluation.measure_obedience(
            services, principal, data.poisoned, progress=counted("Questions asked")
        )
    return {**flags, **obeyed}, [*rows, *asked]


async def _retrieval(
    data: evaluation.RetrievalSet, files: Path | None, keep: bool, data_dir: Path | None
) -> tuple[dict[str, dict[str, float]], Rows]:
    texts = {f"{key}.txt": (text or key).encode() for key, text in data.corpus.items()}
    figures: dict[str, dict[str, float]] = {}
    rows: Rows = []
    async with _scratch(keep, data_dir) as (services, principal):
        speed = await evaluation.load_texts(
            services, principal, {**texts, **(contents(files) if files else {})}, progress=counted("Texts read")
        )
        for mode in SearchMode:
            asked = counted(f"Questions searched, {mode.value}")
            figures[mode.value], ranked = await evaluation.measure_retrieval(
                services, principal, data, mode, progress=asked
            )
            rows += ranked
    return {**figures, "ingest": {"texts_per_s": round(speed, 2)}}, rows


async def _answers(asked: QuestionSet, files: Path | None, keep: bool, data_dir: Path | None) -> list[Row]:
    folder = files or (None if asked.documents else CORPUS)
    documents = {**asked.documents, **(contents(folder) if folder else {})}
    if not documents:
        raise ValidationError(f"There are no documents in {folder}.")
    require_files(asked.questions, documents)
    async with _scratch(keep, data_dir) as (services, principal):
        await evaluation.load_texts(services, principal, documents, progress=counted("Documents read"))
        return await evaluation.measure_answers(
            services, principal, asked.questions, progress=counted("Questions asked")
        )


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
