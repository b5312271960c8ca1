"""How does a release leave its data set behind? ``python -m tests.releases.make 0.1.0``

Reads the sample documents into a scratch folder with the code as it stands, asks two questions, rates an answer, and
keeps the database and the stored files beside this script. ``tests/integration/test_upgrade.py`` then proves that every
later version takes them over whole.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from core.events import DoneEvent, Outcome
from db.urls import DatabaseAddress
from services import setup
from services.audit import ClientInfo
from services.bootstrap import Services, open_services
from services.embedded.postgres import PORT, SUPERUSER, find_binaries
from services.stack.opening import own_stack
from services.worker.container import open_worker
from tests.releases.content import FOLDER, Release, counts

CORPUS = FOLDER.parents[1] / "examples" / "corpus"
QUESTIONS = ("How much does a CarePlus Premium contract cost per year?", "What oil carry-over is allowed for Corvane?")
CLIENT = ClientInfo(user_agent="release")


async def make(name: str) -> Release:
    """Fill a scratch folder and keep what it holds under ``name``."""
    os.environ["FOUNDRY_IGNORE_MODEL_KEYS"] = "1"
    with tempfile.TemporaryDirectory(prefix="foundry-release-") as scratch:
        folder = Path(scratch) / "data"
        async with own_stack(folder, say=print) as stack:
            await setup.ensure_first_account(stack.settings)
            async with open_services() as services:
                await _fill(services)
            database = stack.settings.database
            password = (folder / "secrets" / "postgres_superuser").read_text(encoding="utf-8").strip()
            address = DatabaseAddress(database.host, PORT, database.name, SUPERUSER, password, ssl_mode="disable")
            return _keep(Release(FOLDER / name), address.libpq(), folder / "files")


async def _fill(services: Services) -> None:
    principal = await setup.local_principal(services)
    async with open_worker() as worker:
        for path in sorted(CORPUS.iterdir()):
            receipt = await services.ingestion.upload(
                principal, filename=path.name, chunks=_blocks(path.read_bytes()), collection_id=None, client=CLIENT
            )
            await worker.dispatcher.begin(principal.organization_id, receipt.task_id)
        await worker.dispatcher.drain()
    for question in QUESTIONS:
        run = await services.answering.ask(principal, question)
        events = [event async for event in run.events()]
        if not isinstance(events[-1], DoneEvent) or events[-1].outcome is not Outcome.ANSWERED:
            raise SystemExit(f"Not answered: {question}")
    _, answer = await services.chats.messages(principal, run.chat_id)
    await services.chats.feedback(principal, answer.id, 1, "right page")


async def _blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _keep(release: Release, superuser_url: str, files: Path) -> Release:
    release.folder.mkdir(parents=True)
    dump = subprocess.run([find_binaries() / "pg_dump", superuser_url], check=True, stdout=subprocess.PIPE)
    release.database.write_bytes(gzip.compress(dump.stdout, mtime=0))
    with tarfile.open(release.files, "w:gz") as archive:
        archive.add(files, arcname="files")
    rows = json.dumps(counts(superuser_url), indent=1)
    release.rows.write_text(rows + "\n", encoding="utf-8")
    return release


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Which release? python -m tests.releases.make 0.1.0")
    print(asyncio.run(make(sys.argv[1])).rows.read_text(encoding="utf-8"))
