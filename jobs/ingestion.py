"""Job: a document waits to be read."""

from __future__ import annotations

from jobs.resident import resident


def ingest(_organization_id: str, _task_id: str) -> None:
    """Tell the resident loop to look: which task comes first is decided there, and the rows are the truth."""
    resident().wake()
