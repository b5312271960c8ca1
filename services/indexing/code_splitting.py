"""Where is a long piece of code cut?

Where its writer left a border: before what stands unindented behind an empty line (a function, a class, a section of
settings), else at empty lines, else at ends of lines. LangChain's splitter does it, for any language.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

BORDERS = [r"\n\n+(?=\S)", r"\n\n+", r"\n"]
"""From the best to the worst; what is longer than a line is left to the caller."""


def split(text: str, count_tokens: Callable[[str], int], max_tokens: int) -> list[tuple[int, int]]:
    """Spans in order that cover the text; only a single line may have more than ``max_tokens``."""
    # It brings langchain-core, whose import takes a second.
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    @cache
    def length(part: str) -> int:
        # The splitter repeats parts that have no length.
        return max(count_tokens(part), 1)

    splitter = RecursiveCharacterTextSplitter(
        separators=BORDERS,
        is_separator_regex=True,
        keep_separator="start",
        strip_whitespace=False,
        chunk_size=max_tokens,
        chunk_overlap=0,
        length_function=length,
    )
    spans, position = [], 0
    for part in splitter.split_text(text):
        spans.append((position, position + len(part)))
        position += len(part)
    return spans
