"""Does every receipt end truthfully, and nothing twice, when the worker is killed amid its work?"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sqlalchemy import func, select, text

from core.states import TaskStatus
from db.models import DocumentChunk, DocumentVersion
from db.repositories.lexical import CHUNKS
from tests.fixtures.application import Department
from tests.fixtures.documents import pdf_pages
from tests.support.worker_process import until_ended, worker_process

FILES = 30


def children_of(pid: int) -> set[int]:
    """Processes whose parent it is."""
    path = Path(f"/proc/{pid}/task")
    return {int(child) for task in path.iterdir() for child in (task / "children").read_text().split()}


def living(pids: set[int]) -> set[int]:
    """Those of the processes that are still there."""
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


async def test_thirty_files_and_a_worker_killed_amid_them(
    department: Department, environment: dict[str, str], tmp_path: Path
) -> None:
    for number in range(FILES):
        lines = [f"Valve {number}-{line} opens at {number * 7 + line} bar." for line in range(20)]
        bad = number % 10 == 9
        content = pdf_pages([lines, lines])[: 600 if bad else None]
        await department.upload(f"valve-{number}.pdf", content)
    orphans: set[int] = set()
    for done in (4, 10):
        async with worker_process(environment, tmp_path / "worker.log") as worker:
            await until_ended(department, done)
            orphans |= children_of(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)
            await worker.wait()
    async with worker_process(environment, tmp_path / "worker.log"):
        ended = await until_ended(department, FILES)
    failed = {receipt.filename for receipt in ended if receipt.status is TaskStatus.FAILED}
    assert failed == {f"valve-{number}.pdf" for number in (9, 19, 29)}
    assert {receipt.failure_code for receipt in ended if receipt.status is TaskStatus.FAILED} == {"corrupt"}
    await _nothing_twice_or_missing(department, ready=FILES - len(failed))
    assert not living(orphans), "a parser outlived its worker"


async def _nothing_twice_or_missing(department: Department, *, ready: int) -> None:
    async with department.services.database.transaction(department.principal.organization_id) as session:
        chunks = (await session.execute(select(DocumentChunk.version_id, DocumentChunk.chunk_index))).all()
        promised = await session.scalar(select(func.sum(DocumentVersion.chunk_count)))
        counted = await session.scalar(
            text("SELECT document_count FROM term_statistics WHERE term_id = :term"), {"term": CHUNKS}
        )
    assert len(chunks) == len(set(chunks)) == promised == counted
    assert len({version for version, _ in chunks}) == ready
    found = await department.services.search.search(department.principal, "Valve 3-5 opens at 26 bar", limit=50)
    assert "valve-3.pdf" in {hit.filename for hit in found}
    assert len({hit.chunk_id for hit in found}) == len(found)
