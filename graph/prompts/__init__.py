"""Which words are models given? Markdown files with an id and a version, recorded in every trace."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it stands in its file."""

    id: str
    version: str
    text: str


@lru_cache(maxsize=32)
def load(prompt_id: str) -> Prompt:
    """The prompt of an id.

    Raises:
        FileNotFoundError: There is none.
    """
    raw = (Path(__file__).parent / f"{Path(prompt_id).name}.md").read_text(encoding="utf-8")
    _, head, text = raw.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.strip().splitlines())
    return Prompt(fields["id"], fields["version"], text.strip())
