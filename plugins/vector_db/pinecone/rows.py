"""How do our rows and filters become Pinecone's?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final
from uuid import UUID

import numpy as np

from core.types import SparseVector, Vector, VectorFilter, VectorPayload
from plugins.vector_db.checks import check_terms
from plugins.vector_db.metadata import CHUNK, COLLECTION, DOCUMENT, metadata_of, row_id
from plugins.vector_db.pinecone.index import Filter

MAX_BYTES: Final = 1_900_000
"""A request may have 2 MB."""
MAX_TERMS: Final = 1_000
"""Of a stored row; of those with more the heaviest are kept."""
MAX_VALUES: Final = 10_000
"""Of one filter."""
# Seven digits move a cosine by less than single precision does.
_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class Request:
    """Body of one call that stores rows."""

    body: bytes
    rows: int


def requests(
    namespace: str,
    vectors: Vector,
    payloads: Sequence[VectorPayload],
    ids: Sequence[UUID],
    sparse_vectors: Sequence[SparseVector] | None,
    batch: int,
) -> list[Request]:
    """Bodies below the limits; of several rows with one id the last wins."""
    last = {chunk: position for position, chunk in enumerate(ids)}
    numbers = np.round(vectors.astype(np.float64), _DIGITS)
    written = []
    for chunk, position in last.items():
        row: dict[str, Any] = {
            "id": row_id(payloads[position].organization_id, chunk),
            "values": numbers[position].tolist(),
            "metadata": metadata_of(chunk, payloads[position]),
        }
        if sparse_vectors is not None and (terms := sparse(sparse_vectors[position], MAX_TERMS)) is not None:
            row["sparseValues"] = terms
        written.append(json.dumps(row, separators=(",", ":")).encode())
    return [_request(namespace, part) for part in _parts(written, batch)]


def sparse(vector: SparseVector, most: int) -> dict[str, Any] | None:
    """A checked sparse vector with its heaviest terms; None when none has weight."""
    terms = check_terms(vector)
    if len(terms) > most:
        kept = nlargest(most, terms, key=lambda term: abs(terms[term]))
        terms = {term: terms[term] for term in sorted(kept)}
    return {"indices": list(terms), "values": list(terms.values())} if terms else None


def conditions(filters: VectorFilter) -> list[Filter]:
    """Filters inside the organisation's namespace that together admit what ours does, each row once."""
    must = [] if filters.collection_ids is None else [_is(COLLECTION, sorted(filters.collection_ids))]
    if filters.document_ids is None:
        return [_all(must)]
    return [_all([*must, condition]) for condition in any_of(DOCUMENT, sorted(filters.document_ids))]


def any_of(field: str, values: Sequence[UUID]) -> list[Filter]:
    """Filters for rows whose field has one of these values, each as long as a filter may be."""
    return [_is(field, values[start : start + MAX_VALUES]) for start in range(0, len(values), MAX_VALUES)]


def with_chunks(condition: Filter, chunks: Sequence[UUID]) -> Filter:
    """The condition, for these chunks alone."""
    return _all([*([condition] if condition else []), _is(CHUNK, chunks)])


def _is(field: str, values: Sequence[UUID]) -> Filter:
    return {field: {"$in": [str(value) for value in values]}}


def _all(must: list[Filter]) -> Filter:
    if len(must) < 2:
        return must[0] if must else {}
    return {"$and": must}


def _parts(written: list[bytes], batch: int) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for row in written:
        if part and (len(part) == batch or size + len(row) > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row) + 1
    if part:
        yield part


def _request(namespace: str, part: list[bytes]) -> Request:
    name = json.dumps(namespace).encode()
    return Request(b'{"namespace":' + name + b',"vectors":[' + b",".join(part) + b"]}", len(part))


def register_entry(namespace: str, collection: str, size: int) -> Request:
    """The row that says that a collection exists."""
    row = {"id": collection, "values": [1.0, *[0.0] * (size - 1)], "metadata": {"made_by": "knowledge-foundry"}}
    return _request(namespace, [json.dumps(row).encode()])
