"""Which request, trace and span does this belong to?"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from uuid import uuid4

REQUEST_ID: ContextVar[str | None] = ContextVar("foundry_request_id", default=None)
TRACE_ID: ContextVar[str | None] = ContextVar("foundry_trace_id", default=None)
SPAN_ID: ContextVar[str | None] = ContextVar("foundry_span_id", default=None)


def current_trace() -> dict[str, str]:
    """Request, trace and span ids of the running operation, as far as there are any."""
    ids = {"request_id": REQUEST_ID.get(), "trace_id": TRACE_ID.get(), "span_id": SPAN_ID.get()}
    return {name: value for name, value in ids.items() if value is not None}


@contextlib.contextmanager
def trace_context(*, request_id: str | None = None, trace_id: str | None = None) -> Iterator[None]:
    """Put everything inside under these ids, such as those of an incoming request or of the job it enqueued.

    Ids come from outside, so what is not 1 to 64 letters, digits, dots or dashes is replaced by a fresh one.
    """
    before = REQUEST_ID.get(), TRACE_ID.get(), SPAN_ID.get()
    REQUEST_ID.set(_clean(request_id))
    TRACE_ID.set(_clean(trace_id))
    SPAN_ID.set(None)
    try:
        yield
    finally:
        REQUEST_ID.set(before[0])
        TRACE_ID.set(before[1])
        SPAN_ID.set(before[2])


def _clean(identifier: str | None) -> str:
    return identifier if identifier and re.fullmatch(r"[\w.-]{1,64}", identifier, re.ASCII) else uuid4().hex
