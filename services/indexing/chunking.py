"""How is a document cut into pieces that can be found, quoted and embedded whole?

By structure first: a heading opens a section and its path goes with every chunk under it, tables and lists stay whole
where they fit. Then by tokens of the embedding model, at sentence ends where there are any, and code where its writer
left a border. ``content`` is always exactly ``page.text[char_start:char_end]``, and every visible character lies in
some chunk, but for what repeats at the edges of pages and what their readers do not see.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from core.text import sentences
from core.types import Block, BlockKind, ChunkDraft, ParsedDocument, ParsedPage
from services.indexing import code_splitting

TokenSpans = Callable[[str], list[tuple[int, int]]]
MAX_TITLE = 80
MAX_HEADER = 300
MAX_CONTEXT = 400
BY_LINES = (BlockKind.TABLE, BlockKind.RECORDS, BlockKind.LIST)
BETWEEN_CELLS = " | "
WHOLE = (BlockKind.TABLE, BlockKind.CODE)
LEFT_OUT = (BlockKind.FURNITURE, BlockKind.HIDDEN)


@dataclass(slots=True)
class _Section:
    """What lies under one heading path on one page: pieces that may be packed together."""

    path: tuple[str, ...]
    pieces: list[_Piece] = field(default_factory=list)
    apart: bool = False
    """Whether something that is left out stands before it, so that it cannot be joined to what comes before."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters that belong together.

    ``header`` is what a continued table or row repeats; what is ``complete`` is understood without
    what stands before it.
    """

    start: int
    end: int
    header: str = ""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Tokens of a chunk, and of what is not taken apart for it."""

    usual: int
    whole: int


class _Tokens:
    """Token counts of any span of a page, from one tokenisation."""

    def __init__(self, text: str, token_spans: TokenSpans) -> None:
        spans = token_spans(text)
        self._starts = [start for start, _ in spans]
        self._spans = token_spans

    def count(self, start: int, end: int) -> int:
        """Tokens that begin inside the span."""
        return bisect.bisect_left(self._starts, end) - bisect.bisect_left(self._starts, start)

    def within(self, text: str) -> int:
        """Tokens of a text that stands alone."""
        return len(self._spans(text))

    def cut(self, start: int, limit: int) -> int:
        """Where the token after the next ``limit`` begins; a large number when there are fewer."""
        index = bisect.bisect_left(self._starts, start) + limit
        return self._starts[index] if index < len(self._starts) else 1 << 60

    def back(self, end: int, count: int) -> int:
        """Where the last ``count`` tokens before ``end`` begin."""
        index = bisect.bisect_left(self._starts, end) - count
        return self._starts[max(index, 0)] if self._starts else 0


def chunk_document(
    document: ParsedDocument,
    *,
    token_spans: TokenSpans,
    max_tokens: int,
    overlap: int,
    min_tokens: int,
    title: str,
    language_of: Callable[[str], str],
    whole_tokens: int = 0,
) -> list[ChunkDraft]:
    """Chunks in reading order.

    Args:
        token_spans: Character spans of the embedding model's tokens.
        max_tokens: Where a chunk ends; none has more, but for what stays whole.
        overlap: Tokens of whole sentences that a chunk repeats when a long text had to be cut.
        min_tokens: Smaller neighbouring sections of a page are joined.
        title: Goes into the context of every chunk.
        whole_tokens: A table, code or row up to this size stays whole beyond ``max_tokens``.
    """
    drafts: list[ChunkDraft] = []
    path: tuple[str, ...] = ()
    for page in document.pages:
        if not page.text.strip():
            continue
        tokens = _Tokens(page.text, token_spans)
        sections, path = _sections(page, path, tokens, _Sizes(max_tokens, max(whole_tokens, max_tokens)))
        for section_path, start, end, header in _pack(page, sections, tokens, max_tokens, overlap, min_tokens):
            content = page.text[start:end]
            drafts.append(
                ChunkDraft(
                    index=len(drafts),
                    content=content,
                    page=page.number,
                    char_start=start,
                    char_end=end,
                    token_count=tokens.count(start, end),
                    heading_path=section_path,
                    context=_context(title, page.label, section_path, content, header),
                    language=language_of(content),
                )
            )
    return drafts


def _context(title: str, label: str, path: Sequence[str], content: str, header: str) -> str:
    names = [part for part in (title[:MAX_TITLE], label, *path) if part and not content.lstrip("# ").startswith(part)]
    head = " › ".join(dict.fromkeys(names))[:MAX_CONTEXT]
    return f"{head}\n{header}" if header else head


# -- structure


def _sections(
    page: ParsedPage, path: tuple[str, ...], tokens: _Tokens, sizes: _Sizes
) -> tuple[list[_Section], tuple[str, ...]]:
    """Sections of a page, and the heading path that goes on to the next one."""
    levels: list[tuple[int, str]] = list(enumerate(path, start=1))
    sections = [_Section(path)]
    for block in _covering(page):
        if block.kind in LEFT_OUT:
            if sections[-1].pieces:
                sections.append(_Section(path))
            sections[-1].apart = True
            continue
        if block.kind is BlockKind.HEADING:
            name = " ".join(page.text[block.start : block.end].lstrip("# ").split())[:MAX_TITLE]
            levels = [(level, text) for level, text in levels if level < block.level] + [(block.level, name)]
            path = tuple(text for _, text in levels if text)
            if sections[-1].pieces and not _only_headings(sections[-1], page):
                sections.append(_Section(path))
            sections[-1].path = path
        sections[-1].pieces.extend(_pieces(page.text, block, tokens, sizes))
    return [section for section in sections if section.pieces], path


def _only_headings(section: _Section, page: ParsedPage) -> bool:
    headings = {(b.start, b.end) for b in page.blocks if b.kind is BlockKind.HEADING}
    return all((piece.start, piece.end) in headings for piece in section.pieces)


def _covering(page: ParsedPage) -> Iterator[Block]:
    """The page's blocks that show anything, and text blocks for whatever they leave out."""
    position = 0
    for block in page.blocks:
        if page.text[position : block.start].strip():
            yield Block(BlockKind.TEXT, position, block.start)
        if page.text[block.start : block.end].strip():
            yield block
        position = block.end
    if page.text[position:].strip():
        yield Block(BlockKind.TEXT, position, len(page.text))


def _pieces(text: str, block: Block, tokens: _Tokens, sizes: _Sizes) -> Iterator[_Piece]:
    """A block whole if it fits, else its rows, sentences or parts of code, else runs of tokens."""
    if tokens.count(block.start, block.end) <= (sizes.whole if block.kind in WHOLE else sizes.usual):
        yield _Piece(block.start, block.end)
        return
    if block.kind in BY_LINES:
        spans = _lines(text, block)
    elif block.kind is BlockKind.CODE:
        spans = [
            (block.start + a, block.start + b)
            for a, b in code_splitting.split(text[block.start : block.end], tokens.within, sizes.usual)
        ]
    else:
        spans = [(block.start + a, block.start + b) for a, b in sentences.split(text[block.start : block.end])]
    header = _line_of(text, spans[0]) if block.kind is BlockKind.TABLE and spans else ""
    for number, (start, end) in enumerate(spans):
        if block.kind is BlockKind.RECORDS:
            yield from _record(text, (start, end), tokens, sizes)
        else:
            yield from _cut((start, end), tokens, sizes.usual, header if number else "")


def _cut(span: tuple[int, int], tokens: _Tokens, max_tokens: int, header: str) -> Iterator[_Piece]:
    """A line or sentence whole if it fits, else in runs of tokens."""
    start, end = span
    while tokens.count(start, end) > max_tokens:
        cut = min(tokens.cut(start, max_tokens), end)
        yield _Piece(start, cut, header)
        start = cut
    if start < end:
        yield _Piece(start, end, header)


def _record(text: str, span: tuple[int, int], tokens: _Tokens, sizes: _Sizes) -> Iterator[_Piece]:
    """A row whole if it fits, else cell by cell; what continues it repeats its first cell, which says what it is of."""
    start, end = span
    if tokens.count(start, end) <= sizes.whole:
        yield _Piece(start, end, complete=True)
        return
    first, position = "", start
    while position < end:
        found = text.find(BETWEEN_CELLS, position + 1, end)
        cell_end = end if found < 0 else found
        yield from _cut((position, cell_end), tokens, sizes.usual, first)
        first = first or _line_of(text, (start, cell_end))
        position = cell_end


def _line_of(text: str, span: tuple[int, int]) -> str:
    """What a chunk that continues a table repeats of a line."""
    return text[span[0] : span[1]][:MAX_HEADER]


def _lines(text: str, block: Block) -> list[tuple[int, int]]:
    spans, position = [], block.start
    for line in text[block.start : block.end].split("\n"):
        if line.strip():
            spans.append((position, position + len(line)))
        position += len(line) + 1
    return spans


# -- packing


def _pack(
    page: ParsedPage, sections: Sequence[_Section], tokens: _Tokens, max_tokens: int, overlap: int, min_tokens: int
) -> Iterator[tuple[tuple[str, ...], int, int, str]]:
    """(heading path, start, end, repeated header) of each chunk of the page."""
    joined = _join_small(sections, tokens, max_tokens, min_tokens)
    for section in joined:
        start, end, header = section.pieces[0].start, section.pieces[0].end, section.pieces[0].header
        for piece in section.pieces[1:]:
            # A whole row does not go under what the parts of another one repeat.
            if tokens.count(start, piece.end) <= max_tokens and not (header and piece.complete):
                end = piece.end
                continue
            yield section.path, *_trim(page.text, start, end), header
            alone = piece.header or piece.complete
            start = piece.start if alone else _overlapping(section, piece, tokens, overlap, max_tokens)
            end, header = piece.end, piece.header
        yield section.path, *_trim(page.text, start, end), header


def _join_small(sections: Sequence[_Section], tokens: _Tokens, max_tokens: int, min_tokens: int) -> list[_Section]:
    joined: list[_Section] = []
    for section in sections:
        last = joined[-1] if joined else None
        size = tokens.count(section.pieces[0].start, section.pieces[-1].end)
        if last is not None:
            last_size = tokens.count(last.pieces[0].start, last.pieces[-1].end)
            together = tokens.count(last.pieces[0].start, section.pieces[-1].end)
            small = size < min_tokens or last_size < min_tokens
            if small and together <= max_tokens and not section.apart:
                common = tuple(a for a, b in zip(last.path, section.path, strict=False) if a == b)
                joined[-1] = _Section(common or last.path, [*last.pieces, *section.pieces], last.apart)
                continue
        joined.append(section)
    return joined


def _overlapping(section: _Section, piece: _Piece, tokens: _Tokens, overlap: int, max_tokens: int) -> int:
    """The start of the earliest whole piece within the overlap that still leaves room."""
    start = piece.start
    earliest = tokens.back(piece.start, overlap) if overlap else piece.start
    for before in reversed([p for p in section.pieces if p.end <= piece.start]):
        if before.start < earliest or tokens.count(before.start, piece.end) > max_tokens:
            break
        start = before.start
    return start


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
