"""What are the things that flow between search, models and answers?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Vector: TypeAlias = npt.NDArray[np.float32]
"""Dense vectors: shape ``(dim,)`` for one text, ``(n, dim)`` for many; L2-normalised."""

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"


# -- documents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, as fractions 0–1 of its width and height, origin top left."""

    left: float
    top: float
    right: float
    bottom: float


class BlockKind(StrEnum):
    """What a block of a page is; chunking keeps headings with what follows and tables with their header."""

    HEADING = "heading"
    TEXT = "text"
    LIST = "list"
    TABLE = "table"
    RECORDS = "records"
    """Rows of a table that each say the names of their columns."""
    CODE = "code"
    FURNITURE = "furniture"
    """Running heads, feet and page numbers: part of the page, but of no chunk."""
    HIDDEN = "hidden"
    """Words that a reader of the page does not see: part of the page, but of no chunk."""


@dataclass(frozen=True, slots=True)
class Block:
    """A structural piece of a page: ``page.text[start:end]``."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    """Heading level from 1; 0 for everything else."""


@dataclass(frozen=True, slots=True)
class Word:
    """Where a word of a page stands that was recognised in a picture: ``page.text[start:end]``."""

    start: int
    end: int
    box: Box


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """One page, slide, sheet or section.

    ``text`` is what character spans of chunks and citations count in. ``blocks`` cover it in order, without
    overlap; empty means one text block.
    """

    number: int
    text: str
    blocks: tuple[Block, ...] = ()
    label: str = ""
    """What people call it: "slide 3", "sheet Prices"; empty for a plain page."""
    words: tuple[Word, ...] = ()
    """In the order of the text, without overlap; only of a page whose file does not know where its words stand."""


class EmbeddedFileKind(StrEnum):
    """How a file lies in another."""

    ATTACHED = "attached"
    """To a mail."""
    PACKED = "packed"
    """In an archive."""


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file inside a file.

    Attributes:
        name: As the file says it, which may be a path that leads anywhere.
        content: Gives its bytes, block by block, while the file it lies in is open; None where it cannot be had.
        problem: Why it cannot, in plain words; empty when nobody asked for it.
    """

    name: str
    kind: EmbeddedFileKind
    content: Callable[[], Iterator[bytes]] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser read.

    Attributes:
        paged: Whether page numbers mean something to a reader (pdf, slides, sheets), so that citations show them.
        warnings: Sentences about what could not be read, such as a damaged page; shown with the document.
        parts: Files in it that are documents of their own, such as attachments of a mail.
    """

    pages: tuple[ParsedPage, ...]
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    paged: bool = True
    warnings: tuple[str, ...] = ()
    parts: tuple[EmbeddedFile, ...] = ()

    @property
    def text(self) -> str:
        """All pages, separated by a blank line."""
        return "\n\n".join(page.text for page in self.pages)


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A piece of a document before it is stored.

    ``content == page.text[char_start:char_end]`` of the page it lies in. ``context`` (title, heading path, a table's
    repeated header) is embedded and indexed with it but is not part of the quotable text.
    """

    index: int
    content: str
    page: int
    char_start: int
    char_end: int
    token_count: int
    heading_path: tuple[str, ...] = ()
    context: str = ""
    language: str = "und"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored chunk that the principal was allowed to see; everything a citation needs."""

    id: UUID
    document_id: UUID
    version_id: UUID
    version_number: int
    filename: str
    mime_type: str
    content: str
    page: int
    char_start: int
    char_end: int
    index: int = 0
    paged: bool = True
    page_label: str = ""
    heading_path: tuple[str, ...] = ()
    context: str = ""
    language: str = "und"
    collection_id: UUID | None = None
    confidential: bool = False
    """Whether its collection is: such text reaches only models marked local."""
    superseded: bool = False
    """Whether another version of its document answers now."""
    pages_read: tuple[int, int] | None = None
    """How many of how many pages answer so far; None for a document that was read to its end."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk with its scores; ``score`` is the fused one that ranks, in 0–1."""

    chunk: Chunk
    score: float
    dense_score: float | None = None
    """Cosine on the scale of ``core.similarity``: 0 is unrelated, 1 the same; -1–1."""
    sparse_score: float | None = None
    """BM25, 0 and up."""


# -- search ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term ids (ascending, unique, in 0 … 2**29 - 1) and their weights."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VectorPayload:
    """What a vector store keeps beside a vector; only ids, never text."""

    organization_id: UUID
    collection_id: UUID
    document_id: UUID
    version_id: UUID


@dataclass(frozen=True, slots=True)
class VectorFilter:
    """Which vectors a search may return. The organisation is mandatory on purpose.

    Attributes:
        collection_ids: Only these document sets; None means all of the organisation, empty means none.
        document_ids: Only these documents; None means no restriction.
    """

    organization_id: UUID
    collection_ids: frozenset[UUID] | None = None
    document_ids: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class VectorHit:
    """One result of a dense search, best first."""

    id: UUID
    score: float
    payload: VectorPayload


@dataclass(frozen=True, slots=True)
class HybridHit:
    """One result of a hybrid search; a score is None when the store did not compute that side."""

    id: UUID
    payload: VectorPayload
    dense_score: float | None
    sparse_score: float | None


class DataClass(StrEnum):
    """How far the text of a collection may travel: to any model in use, or only to those marked local."""

    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"


class EmbeddingKind(StrEnum):
    """Whether a text asks or answers; some models embed the two differently."""

    QUERY = "query"
    PASSAGE = "passage"


# -- models ------------------------------------------------------------------------------------------------------


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(_Frozen):
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1, max_length=100_000)


class Passage(_Frozen):
    """A numbered piece of evidence, as the model may cite it."""

    number: int = Field(ge=1)
    text: str
    title: str = ""
    language: str = "und"
    score: float = 0.0
    similarity: float | None = None
    """On the scale of ``core.similarity``; None where no vectors were compared."""


class Caution(StrEnum):
    """How sure an answer must be that no model wrote: below it passages are shown as near, not as an answer."""

    CAREFUL = "careful"
    BALANCED = "balanced"
    GENEROUS = "generous"


class Grounding(_Frozen):
    """Question and evidence in structured form, for providers that answer without a prompt.

    Attributes:
        term_idf: Rarity of the question's terms among all readable documents.
        background: Median similarity of all that the search found, from which the best should stand out.
    """

    question: str
    passages: tuple[Passage, ...]
    term_idf: Mapping[str, float] = Field(default_factory=dict)
    background: float | None = None
    caution: Caution = Caution.BALANCED


class Clearance(_Frozen):
    """Who may see a request; a router obeys, single providers need not look.

    Attributes:
        local_only: It carries confidential text: only providers marked local may see it.
        models: Globs of the model names its organisation allows; empty means all.
    """

    local_only: bool = False
    models: tuple[str, ...] = ()


class CompletionRequest(_Frozen):
    """What is asked of a language model; an empty ``model`` leaves the choice to whoever answers."""

    messages: tuple[Message, ...] = Field(min_length=1)
    model: str
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=2048, ge=1, le=32_000)
    stream: bool = False
    grounding: Grounding | None = None
    clearance: Clearance = Clearance()


class CompletionResponse(_Frozen):
    """What a language model answered, and what it cost.

    ``finish_reason`` is ``stop``, ``length``, ``cancelled`` or the vendor's word. ``confidence``: how likely this, or
    what would have been said but for NO_ANSWER, answers the question, 0–1; None from who cannot tell.
    """

    text: str
    model: str
    token_count: int
    input_tokens: int
    output_tokens: int
    latency_ms: float
    cost_usd: float
    timestamp: datetime
    finish_reason: str = "stop"
    confidence: float | None = Field(default=None, ge=0, le=1)


class PluginStatus(StrEnum):
    """How a plugin is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of a health check; ``detail`` says in plain words what is wrong and what to do."""

    status: PluginStatus
    detail: str = ""
    latency_ms: float = 0.0
