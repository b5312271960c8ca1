"""Which questions are offered to somebody who has not asked any yet?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from core.identity import Principal
from db.repositories.documents import DocumentRepository
from db.unit_of_work import Database

SAMPLES = Path(__file__).resolve().parents[2] / "examples" / "starters.jsonl"
SHOWN = 4


class Starter(BaseModel):
    """A question and the document that answers it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    question: str = Field(min_length=1, max_length=200)
    file: str


def sample_starters(path: Path = SAMPLES) -> tuple[Starter, ...]:
    """The questions that come with the sample documents; none where the samples are not installed."""
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(Starter.model_validate_json(line) for line in lines if line.strip())


class StarterService:
    """First questions, each offered only while the principal can read the document it was written for."""

    def __init__(self, database: Database, starters: Sequence[Starter]) -> None:
        self._database = database
        self._starters = starters

    async def offered(self, principal: Principal) -> tuple[str, ...]:
        """At most four questions, in their order."""
        if not self._starters:
            return ()
        names = {starter.file for starter in self._starters}
        async with self._database.transaction(principal.organization_id) as session:
            there = await DocumentRepository(session).ready_filenames(names, principal=principal)
        return tuple(starter.question for starter in self._starters if starter.file in there)[:SHOWN]
