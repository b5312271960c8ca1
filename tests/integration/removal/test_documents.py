"""Does a document go from every store, and nothing of another one with it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from db.base import Base
from db.models import SemanticCacheEntry
from services.bootstrap import Services
from services.deletion.inventory import KEPT, POINTERS, DataInventory, of_documents, pointers
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department
from tests.support.cellar import Cellar, store_stray, term_statistics


async def test_a_document_goes_from_every_store_and_the_receipt_counts_it(
    department: Department, worker: Worker, services: Services, cellar: Cellar, tmp_path: Path
) -> None:
    kept = await department.read(worker, "kept.txt", b"The gauge reads 9 bar.")
    counted = await term_statistics(department)
    gone = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    again = await department.read(worker, "valves.txt", b"The valve opens at 7 bar.")
    view = await services.documents.delete(department.principal, gone.document_id, client=CLIENT)
    assert (view.subject, view.subject_id, view.left) == ("document", gone.document_id, {})
    assert view.completed_at is not None
    assert view.backups_until == (datetime.now(UTC) + timedelta(days=30)).date()
    assert view.requested_by == str(department.user.id)
    expected = {"documents": 1, "document_versions": 2, "tasks": 2, "files": 2, "version_periods": 2}
    assert expected.items() <= view.removed.items()
    assert view.removed["document_chunks"] >= 2
    assert view.removed["vectors in pgvector"] >= 1
    assert await cellar.scan_again(view.id) == {}
    assert await term_statistics(department) == counted
    stored = {path.name for path in (tmp_path / "files").rglob("*") if path.is_file()}
    assert len(stored) == 1
    assert again.document_id == gone.document_id
    assert (await services.documents.get(department.principal, kept.document_id)).chunks == 1
    (listed,) = await services.removal.receipts(department.principal)
    assert listed == view


async def test_a_file_that_another_document_has_too_stays(
    department: Department, worker: Worker, services: Services
) -> None:
    first = await department.read(worker, "one.txt", b"The valve opens at 6 bar.")
    second = await department.read(worker, "two.txt", b"The valve opens at 6 bar.")
    view = await services.documents.delete(department.principal, first.document_id, client=CLIENT)
    assert "files" not in view.removed
    path, _, _ = await services.documents.file(department.principal, second.document_id, second.version_id)
    assert path.read_bytes() == b"The valve opens at 6 bar."
    view = await services.documents.delete(department.principal, second.document_id, client=CLIENT)
    assert view.removed["files"] == 1
    assert not path.exists()


async def test_the_scan_finds_every_kind_of_trace(
    department: Department, worker: Worker, services: Services, cellar: Cellar, tmp_path: Path
) -> None:
    receipt = await department.read(worker, "valves.txt", b"The valve opens at 6 bar.")
    mine, document_id = department.principal.organization_id, receipt.document_id
    async with services.database.transaction(mine) as session:
        traces = await of_documents(session, [document_id], of_one=DataInventory())
    rows = await cellar.scan(mine, traces, datetime.now(UTC))
    for table in ("documents", "document_versions", "document_chunks", "tasks", "kept_vectors", "version_periods"):
        assert rows[table], table
    assert (rows["files"], rows["jobs"], rows["vectors in pgvector"]) == (1, 1, rows["document_chunks"])
    view = await services.documents.delete(department.principal, document_id, client=CLIENT)
    assert await cellar.scan_again(view.id) == {}

    await cellar.stores.redis.set(f"cache:{document_id}", "6 bar")
    assert await cellar.scan_again(view.id) == {"redis": 1}
    await cellar.stores.redis.delete(f"cache:{document_id}")
    await services.queue.enqueue(mine, receipt.task_id)
    assert await cellar.scan_again(view.id) == {"jobs": 1}
    await services.queue.forget_tasks([receipt.task_id])
    await store_stray(department, uuid4(), document_id, uuid4())
    assert await cellar.scan_again(view.id) == {"vectors in pgvector": 1}
    await cellar.stores.indexes.primary.vectors.delete_documents(  # type: ignore[union-attr]  # it runs
        cellar.stores.indexes.primary.collection, [document_id], mine
    )
    path = traces.files[0]
    (tmp_path / "files" / path).parent.mkdir(exist_ok=True)
    (tmp_path / "files" / path).write_bytes(b"again")
    assert await cellar.scan_again(view.id) == {"files": 1}
    (tmp_path / "files" / path).unlink()
    before = datetime.now(UTC) - timedelta(days=1)
    async with cellar.database.transaction() as session:
        session.add(
            SemanticCacheEntry(
                organization_id=mine, query_hash="0", query_text="?", query_embedding=[1.0], response={},
                created_at=before,
            )
        )  # fmt: skip
    assert await cellar.scan_again(view.id) == {"semantic_cache": 1}


def test_every_column_that_points_at_something_deletable_is_looked_at() -> None:
    deletable = set(POINTERS.values())
    for table in Base.metadata.sorted_tables:
        if table.name in KEPT:
            continue
        looked_at = dict(pointers(table))
        for column in table.c:
            for key in column.foreign_keys:
                if key.column.table.name in deletable:
                    assert looked_at[column.name] == key.column.table.name
            if column.name in POINTERS:
                assert column.name in looked_at, f"{table.name}.{column.name}"
