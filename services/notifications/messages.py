"""What does a notice say?

Never anything out of a document: names of files at most, codes of failures, and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from config.notifications import Event
from core.types import JsonValue, PluginStatus
from plugins.framework.manager import PluginState

MAX_LINES = 20
_PRODUCT = "Knowledge Foundry"


@dataclass(frozen=True, slots=True)
class Notice:
    """What every notifier takes; ``facts`` are for machines."""

    event: Event
    subject: str
    message: str
    facts: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class EndedDocument:
    """A document whose ingestion ended; without ``failure_code`` it is ready."""

    organization_id: UUID
    document_id: UUID
    filename: str
    failure_code: str | None
    uploader: str | None
    """Mail address; None for one who left or wants no notices."""
    user_id: UUID | None = None


def about_documents(documents: Sequence[EndedDocument], event: Event, url: str, *, named: bool) -> Notice:
    """One notice about documents that ended alike.

    Args:
        url: Where people look.
        named: Whether the recipients may know how the files are called.
    """
    many = len(documents)
    whose = f"{many} document{'' if many == 1 else 's'}"
    ready = event == "document.ready"
    fate = f"{'is' if many == 1 else 'are'} ready" if ready else "could not be read"
    lines = [_line(document, named=named) for document in documents[:MAX_LINES]]
    if many > MAX_LINES:
        lines.append(f"- and {many - MAX_LINES} more")
    closing = f"Ask about {'it' if many == 1 else 'them'}: {url}" if ready else f"What to do stands beside each: {url}"
    facts: dict[str, JsonValue] = {"event": event, "documents": [_facts(document) for document in documents]}
    return Notice(event, f"{_PRODUCT}: {whose} {fate}", "\n".join([*lines, "", closing]), facts)


def about_batch(documents: Sequence[EndedDocument], url: str, *, named: bool) -> Notice:
    """One notice when the last of several files is done: how many are ready, and which are not."""
    failed = [document for document in documents if document.failure_code]
    ready = len(documents) - len(failed)
    lines = [_line(document, named=named) for document in failed[:MAX_LINES]]
    if len(failed) > MAX_LINES:
        lines.append(f"- and {len(failed) - MAX_LINES} more")
    told = [f"{ready} of {len(documents)} documents are ready."]
    if failed:
        told += ["", "Could not be read:", *lines, "", f"What to do stands beside each: {url}"]
    else:
        told += ["", f"Ask about them: {url}"]
    facts: dict[str, JsonValue] = {"event": "batch.ended", "documents": [_facts(document) for document in documents]}
    subject = f"{_PRODUCT}: {ready} of {len(documents)} documents are ready"
    return Notice("batch.ended", subject, "\n".join(told), facts)


def _facts(document: EndedDocument) -> JsonValue:
    return {
        "organization_id": str(document.organization_id),
        "document_id": str(document.document_id),
        "failure_code": document.failure_code,
    }


def _line(document: EndedDocument, *, named: bool) -> str:
    name = document.filename if named else f"document {document.document_id}"
    return f"- {name}" + (f" ({document.failure_code})" if document.failure_code else "")


def about_plugin(state: PluginState) -> Notice:
    """An alarm, or its end. The reason stays with us: it may name hosts and people."""
    well = state.status is PluginStatus.HEALTHY
    event: Event = "health.recovered" if well else "health.alarm"
    name = f"{state.kind}/{state.name}"
    message = "It works again." if well else "See what is wrong and what to do: foundry plugins check"
    facts: dict[str, JsonValue] = {
        "event": event,
        "kind": state.kind,
        "plugin": state.name,
        "status": state.status.value,
    }
    return Notice(event, f"{_PRODUCT}: plugin {name} is {state.status.value}", message, facts)
