"""What may this person ask about, and which document does he call by name? ``graph.context.Library``."""

from __future__ import annotations

from pathlib import PurePath
from uuid import UUID

from core.text import language, terms
from core.text.function_words import ASKING
from core.types import Chunk
from db.repositories.library import LibraryRepository, Titled
from db.unit_of_work import Database
from graph.context import Holdings, Scope
from services.answers.starters import StarterService

NEWEST = 5
NAMES_COMPARED = 500
_LETTERS = 4
"""Of the beginning of a word, so that another form of it is found."""
_FILE_WORDS = (
    "document documents file files pdf mail email e-mail message spreadsheet workbook sheet presentation slides page "
    "dokument dokumente datei dateien tabelle präsentation folien nachricht seite"
)
_ANY_FILE = frozenset(_FILE_WORDS.split())
"""What every file may be called."""


class DocumentLibrary:
    """Whole documents that the principal may read."""

    def __init__(self, database: Database, starters: StarterService) -> None:
        self._database = database
        self._starters = starters

    async def holdings(self, scope: Scope) -> Holdings:
        """How many of each kind, the newest, and questions that the samples among them answer."""
        async with self._database.transaction(scope.principal.organization_id) as session:
            library = LibraryRepository(session, scope.principal, scope.as_of)
            kinds = await library.kinds(scope.collection_ids, scope.document_ids)
            newest = await library.titled(scope.collection_ids, scope.document_ids, limit=NEWEST)
        names = tuple((one.filename, one.mime_type) for one in newest)
        return Holdings(kinds, names, await self._starters.offered(scope.principal) if kinds else ())

    async def named(self, name: str, scope: Scope) -> UUID | None:
        """The document with all words of a name in its file name or first heading; of several the most alike."""
        wanted = _words(name)
        if not wanted:
            return None
        begin = [word[: max(_LETTERS, len(word) - 2)] for word in wanted]
        async with self._database.transaction(scope.principal.organization_id) as session:
            library = LibraryRepository(session, scope.principal, scope.as_of)
            found = await library.titled(
                scope.collection_ids, scope.document_ids, limit=NAMES_COMPARED, words=tuple(begin)
            )
        return best_named(name, found)

    async def read(self, document_id: UUID, scope: Scope, *, limit: int) -> list[Chunk]:
        """The first chunks of a document in their order; none where it does not answer."""
        async with self._database.transaction(scope.principal.organization_id) as session:
            library = LibraryRepository(session, scope.principal, scope.as_of)
            return await library.chunks(document_id, scope.collection_ids, scope.document_ids, limit=limit)


def best_named(name: str, documents: list[Titled]) -> UUID | None:
    """Of the documents that bear all words of the name the one with the fewest others, of equals the first."""
    spoken = language.detect(name)
    wanted = frozenset(terms.terms(" ".join(_words(name)), spoken))
    best, fewest = None, 0
    for document in documents:
        for title in (document.filename, PurePath(document.filename).stem, document.heading):
            said = frozenset(terms.terms(title, spoken))
            if wanted and wanted <= said and (best is None or len(said) < fewest):
                best, fewest = document.document_id, len(said)
    return best


def _words(name: str) -> list[str]:
    """The words of a name that tell it from others."""
    asking = ASKING["en"] | ASKING["de"]
    words = [word.strip("?!.,;:\"'()") for word in name.split()]
    telling = [word for word in words if word and word.casefold() not in _ANY_FILE | asking]
    return telling or [word for word in words if word]
