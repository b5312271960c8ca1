"""Which documents say nearly the same?

MinHash over five words in a row: the share of equal values of two signatures estimates the share of such runs that two
texts have in common. Bands of a signature are found by an index, so that nothing is compared with everything.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from rensa import RMinHash
from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncSession

from core.types import ParsedDocument
from db.models import Document, DocumentVersion
from db.repositories.versions import VersionRepository
from services.views.uploads import SimilarView

VALUES, SEED = 128, 42
BANDS = 16
"""Of eight values each: two texts that share four fifths of their runs meet in some band 19 times of 20."""
LEAST = 0.8
RUN = 5
FEWEST_RUNS = 12
"""A shorter text has no signature: a sentence more or less would be most of it."""
SHOWN = 5
LOOKED_AT = 25

# A sign of a script without spaces counts as a word.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff\U00020000-\U0002fa1f]"
    r"|[^\W_]+"
)


def signature(document: ParsedDocument) -> bytes | None:
    """128 values of 32 bits, little endian; None for a text too short to compare. Takes seconds for a long one."""
    found = _runs(page.text for page in document.pages)
    if len(found) < FEWEST_RUNS:
        return None
    hashed = RMinHash(num_perm=VALUES, seed=SEED)
    hashed.update(found)
    return np.asarray(hashed.digest(), dtype="<u4").tobytes()


def _runs(texts: Iterable[str]) -> list[str]:
    words = [word for text in texts for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())]
    return list({" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1)})


def bands(values: bytes) -> list[int]:
    """What versions that are alike share at least one of, probably; each fits a ``bigint``."""
    width = len(values) // BANDS
    return [
        int.from_bytes(
            hashlib.blake2b(values[n * width : (n + 1) * width], digest_size=8, salt=bytes([n])).digest(), signed=True
        )
        for n in range(BANDS)
    ]


def similarity(one: bytes, other: bytes) -> float:
    """Estimated share of common runs, 0-1; its standard error is at most 0.045."""
    return float(np.mean(np.frombuffer(one, dtype="<u4") == np.frombuffer(other, dtype="<u4")))


async def similar_to(
    session: AsyncSession, readable: Select[Document], version: DocumentVersion
) -> tuple[SimilarView, ...]:
    """Readable documents that say the same as a version, then those that say nearly the same; a few at most."""
    versions = VersionRepository(session)
    same = await versions.same_content(readable, version.document_id, version.content_hash, limit=SHOWN)
    found = [_view(row, 1.0, identical=True) for row in same]
    values = await versions.signature(version.id)
    if values is None or len(found) == SHOWN:
        return tuple(found)
    known = {view.document_id for view in found}
    near = await versions.sharing_bands(readable, version.document_id, bands(values), limit=LOOKED_AT)
    rated = [(similarity(values, row[1].signature), row) for row in near if row[1].signature and row[0].id not in known]
    rated.sort(key=lambda pair: -pair[0])
    found += [_view(row, share, identical=False) for share, row in rated if share >= LEAST]
    return tuple(found[:SHOWN])


def _view(row: Row[Document, DocumentVersion, str], share: float, *, identical: bool) -> SimilarView:
    document, version, collection = row
    return SimilarView(
        document_id=document.id,
        filename=document.filename,
        version_number=version.number,
        collection_name=collection,
        similarity=round(share, 2),
        identical=identical,
    )
