"""Job: a task's bell was rung."""

from __future__ import annotations

from uuid import UUID

from jobs.resident import resident


def ingest(organization_id: str, task_id: str) -> None:
    """Hand the task to the resident loop; waits only while all its places are taken.

    The job ends before the work does: the task row is the truth, and a lost worker's lease runs out by itself.
    """
    resident().submit(UUID(organization_id), UUID(task_id))
