"""Are passages found by what they mean and by the words they have?"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from core.errors import ValidationError
from services.search.retriever import SearchMode
from services.worker.container import Worker
from tests.fixtures.application import Department

PAGES = {
    "handbook.md": b"# Vacation\n\nEvery employee has 30 days of vacation per year.\n",
    "manual.md": b"# Safety\n\nThe relief valve of the boiler opens at 6 bar. Error E-47 means that it is stuck.\n",
    "copy.md": b"# Safety\n\nThe relief valve of the boiler opens at 6 bar. Error E-47 means that it is stuck. \n",
}


async def test_passages_are_found_by_meaning_by_words_and_by_both(department: Department, worker: Worker) -> None:
    for name, content in PAGES.items():
        await department.read(worker, name, content)
    search, reader = department.services.search, department.principal

    both = await search.search(reader, "How many days off do I get?", limit=3)
    assert both[0].filename == "handbook.md"
    assert both[0].heading_path == ("Vacation",)
    assert "30 days" in both[0].text
    assert [hit.score for hit in both] == sorted((hit.score for hit in both), reverse=True)
    # Two copies of a text are one piece of evidence.
    assert len({" ".join(hit.text.split()) for hit in both}) == len(both) == 2

    words = await search.search(reader, "E-47", mode=SearchMode.BM25)
    assert [hit.filename in {"manual.md", "copy.md"} for hit in words] == [True]
    assert words[0].sparse_score
    meaning = await search.search(reader, "holidays", mode=SearchMode.DENSE)
    assert meaning[0].filename == "handbook.md"
    assert meaning[0].sparse_score is None

    assert len(await search.search(reader, "valve", limit=1)) == 1
    assert await search.search(reader, "valve", collection_ids=frozenset({uuid4()})) == ()
    assert await search.search(replace(reader, organization_id=uuid4()), "valve") == ()

    for limit in (0, -1, 10_000):
        with pytest.raises(ValidationError, match="limit must be between"):
            await search.search(reader, "valve", limit=limit)
    with pytest.raises(ValidationError, match="empty"):
        await search.search(reader, " \x00 ")
