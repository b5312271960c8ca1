"""How do blocks of another kind get into a page that is already divided?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.types import Block, BlockKind


def carve(blocks: Sequence[Block], spans: Sequence[tuple[int, int]], kind: BlockKind, text: str) -> tuple[Block, ...]:
    """Blocks with the spans (in order, apart) taken out of them and put between them as blocks of that kind."""
    carved: list[Block] = []
    for block in blocks:
        position = block.start
        for start, end in spans:
            if end <= position or start >= block.end:
                continue
            carved += _part(block, position, max(start, position), text)
            position = min(end, block.end)
        carved += _part(block, position, block.end, text)
    carved += [Block(kind, start, end) for start, end in spans]
    return tuple(sorted(carved, key=lambda block: block.start))


def _part(block: Block, start: int, end: int, text: str) -> list[Block]:
    """What shows of a part of a block, without the blanks around it; nothing when nothing does."""
    said = text[start:end]
    if not said.strip():
        return []
    return [replace(block, start=start + len(said) - len(said.lstrip()), end=end - len(said) + len(said.rstrip()))]
