"""Does a receipt speak today's words, also of what an older version stored?"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from core.states import IngestionStage, TaskStatus
from db.models import DocumentVersion, Task
from services.uploads.receipts import receipt_of


def failed(code: str) -> tuple[Task, DocumentVersion]:
    now = datetime.now(UTC)
    task = Task(
        id=uuid4(),
        status=TaskStatus.FAILED.value,
        stage=IngestionStage.FAILED.value,
        progress=10,
        attempts=1,
        failure_code=code,
        created_at=now,
        meta={},
    )
    version = DocumentVersion(
        id=uuid4(), document_id=uuid4(), number=1, filename="a.pdf", file_size=4, meta={}, page_count=None
    )
    return task, version


def test_a_failure_that_an_older_version_stored_has_todays_code() -> None:
    assert receipt_of(*failed("mislabelled")).failure_code == "content_type_mismatch"


def test_other_codes_stand_as_they_are() -> None:
    assert receipt_of(*failed("encrypted")).failure_code == "encrypted"
