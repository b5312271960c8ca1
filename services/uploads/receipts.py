"""How does a task look to the person who waits for it?"""

from __future__ import annotations

from datetime import UTC, datetime

from core.states import TaskStatus
from db.models import DocumentVersion, Task
from services.tasks.progress import PAGES, STAGES, PagesRead
from services.uploads.coverage import coverage_view
from services.views.uploads import OrderView, Receipt, SimilarView

WARNINGS = "warnings"
"""Where a version keeps them, among what else is known about it."""
ORDERS = "orders"
"""Where it keeps sentences that give orders to whoever reads it for others, see ``core.text.orders``."""
FILE_STATE, FILE_DAMAGED, FILE_MISSING = "file", "damaged", "missing"
"""Where it keeps that its file is not what was handed in, as upkeep finds out."""
_SAID_OF_FILE = {
    FILE_DAMAGED: "The stored file is damaged; what was read of it still answers. Upload it again.",
    FILE_MISSING: "The stored file is missing; what was read of it still answers. Upload it again.",
}


FORMER_CODES = {"mislabelled": "content_type_mismatch"}
"""Failure codes that older versions stored, and what they are called now."""
ESTIMATED_FROM = 10
"""Percent from which on the pace so far says something about the rest."""


def receipt_of(
    task: Task,
    version: DocumentVersion,
    *,
    unchanged: bool = False,
    queue_position: int | None = None,
    note: str = "",
    similar: tuple[SimilarView, ...] = (),
) -> Receipt:
    """The receipt of a task and its version."""
    read = PagesRead.kept(task.meta, PAGES) if task.status is TaskStatus.RUNNING else None
    return Receipt(
        task_id=task.id,
        document_id=version.document_id,
        version_id=version.id,
        version_number=version.number,
        filename=version.filename,
        size_bytes=version.file_size,
        status=task.status,
        stage=task.stage,
        progress=task.progress,
        attempts=task.attempts,
        pages=read.total if read else version.page_count,
        pages_done=read.done if read else None,
        chunks=version.chunk_count,
        failure_code=FORMER_CODES.get(task.failure_code or "", task.failure_code),
        error_message=task.error_message,
        next_step=task.next_step,
        warnings=warnings_of(version) if task.status is TaskStatus.COMPLETED else (),
        orders=orders_of(version) if task.status is TaskStatus.COMPLETED else (),
        unchanged=unchanged,
        queue_position=queue_position,
        seconds_left=_seconds_left(task),
        stages=_stages(task),
        coverage=coverage_view(version) if task.status is TaskStatus.COMPLETED else None,
        note=note,
        similar=similar,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
    )


def _seconds_left(task: Task) -> int | None:
    if task.status is not TaskStatus.RUNNING or task.started_at is None or task.progress < ESTIMATED_FROM:
        return None
    spent = (datetime.now(UTC) - task.started_at).total_seconds()
    return max(1, round(spent * (100 - task.progress) / task.progress))


def _stages(task: Task) -> dict[str, float]:
    kept = task.meta.get(STAGES)
    if not isinstance(kept, dict):
        return {}
    return {stage: float(seconds) for stage, seconds in kept.items() if isinstance(seconds, int | float)}


def orders_of(version: DocumentVersion) -> tuple[OrderView, ...]:
    """Sentences of a version that was read which give orders to whoever reads it for others."""
    found = version.meta.get(ORDERS)
    return tuple(OrderView.model_validate(one) for one in found) if isinstance(found, list) else ()


def warnings_of(version: DocumentVersion) -> tuple[str, ...]:
    """What could not be read of a version that was read."""
    found = version.meta.get(WARNINGS)
    warnings = tuple(str(warning) for warning in found) if isinstance(found, list) else ()
    state = _SAID_OF_FILE.get(str(version.meta.get(FILE_STATE)))
    return (*warnings, state) if state else warnings
