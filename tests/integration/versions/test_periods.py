"""Is it kept which version answered when?"""

from __future__ import annotations

import itertools
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import func, select

from db.models import VersionBand, VersionPeriod
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, Department
from tests.fixtures.postgres import PostgresServer
from tests.support.versions import LONG, NEW, OLD, answer, now, restore, statistics


async def test_every_time_a_version_answered_is_kept_and_none_overlap(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", OLD)
    receipt = await department.read(worker, "valves.md", NEW)
    counted = await statistics(department)
    for number in (1, 2):
        await restore(department, receipt, number)
    second, first = await department.services.versions.list_all(department.principal, receipt.document_id)
    assert (first.number, second.number, first.answers, second.answers) == (1, 2, False, True)
    periods = sorted([*first.periods, *second.periods], key=lambda period: period.valid_from)
    assert [len(first.periods), len(second.periods)] == [2, 2]
    assert all(earlier.valid_to == later.valid_from for earlier, later in itertools.pairwise(periods))
    assert periods[-1].valid_to is None
    assert await statistics(department) == counted


@pytest.mark.parametrize("valid_to", ["NULL", "now() + interval '1 hour'"])
async def test_the_database_takes_no_two_periods_at_once(
    department: Department, worker: Worker, postgres_server: PostgresServer, migrated_database: str, valid_to: str
) -> None:
    await department.read(worker, "valves.md", OLD)
    with psycopg.connect(postgres_server.url(migrated_database)) as connection:
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(
                "INSERT INTO version_periods (organization_id, document_id, version_id, valid_from, valid_to)"
                f" SELECT organization_id, document_id, version_id, valid_from + interval '1 s', {valid_to}"
                " FROM version_periods".encode()
            )


async def test_periods_and_bands_of_one_organisation_are_hidden_from_another(
    department: Department, worker: Worker
) -> None:
    await department.read(worker, "long.md", LONG)
    for organization_id, there in ((department.principal.organization_id, True), (uuid4(), False)):
        async with department.services.database.transaction(organization_id) as session:
            for table in (VersionPeriod, VersionBand):
                assert bool(await session.scalar(select(func.count()).select_from(table))) is there


async def test_deleting_a_document_takes_its_past_along(department: Department, worker: Worker) -> None:
    before = await department.read(worker, "valves.md", OLD)
    moment = now()
    assert "6 bar" in await answer(department, moment)
    await department.services.documents.delete(department.principal, before.document_id, client=CLIENT)
    assert await answer(department, moment) == "refused: no_documents"
    async with department.services.database.transaction(department.principal.organization_id) as session:
        assert await session.scalar(select(func.count(VersionPeriod.id))) == 0
