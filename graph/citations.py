"""Which marker stands for which source?

Models cite by the numbers of the evidence they were shown. Readers see numbers in the order of first use; markers
without a source are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.events import Citation
from core.types import Candidate
from graph import grounding
from graph.fence import without_orders

_GAP = r"[^\S\n]*"
MARKER = re.compile(rf"[^\S\n]?[\[【]{_GAP}(\d{{1,3}}(?:{_GAP}[,;]{_GAP}\d{{1,3}})*){_GAP}[\]】]")
"""Within one line, as sentences end with lines."""


def plain(sentence: str) -> str:
    """The sentence without markers."""
    return MARKER.sub("", sentence)


def cited_numbers(sentence: str) -> list[int]:
    """Numbers as the model wrote them, in order, without repeats."""
    found = [int(n) for match in MARKER.finditer(sentence) for n in re.findall(r"\d+", match.group(1))]
    return list(dict.fromkeys(found))


class CitationBook:
    """Numbers sources in the order of their first use."""

    def __init__(self, evidence: Sequence[Candidate]) -> None:
        self._evidence = evidence
        self._numbers: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def passages(self, sentence: str) -> list[str]:
        """Texts of the sources a sentence cites, with their headings and without the orders in them."""
        chunks = [self._evidence[n - 1].chunk for n in cited_numbers(self.known_only(sentence))]
        return [f"{chunk.context}\n{without_orders(chunk.content)}" for chunk in chunks]

    def rewrite(self, sentence: str) -> tuple[str, tuple[int, ...], list[Citation]]:
        """The sentence with the reader's numbers, these numbers, and the citations used for the first time."""
        sentence = self.known_only(sentence)
        new: list[Citation] = []
        used: list[int] = []
        for number in cited_numbers(sentence):
            if number not in self._numbers:
                self._numbers[number] = len(self._numbers) + 1
                new.append(_citation(self._evidence[number - 1], self._numbers[number], plain(sentence)))
            used.append(self._numbers[number])

        def replace(match: re.Match[str]) -> str:
            return " " + "".join(f"[{self._numbers[n]}]" for n in cited_numbers(match.group()))

        return MARKER.sub(replace, sentence), tuple(used), new

    def known_only(self, sentence: str) -> str:
        """The sentence without the numbers that no source has."""

        def replace(match: re.Match[str]) -> str:
            known = [n for n in cited_numbers(match.group()) if self._known(n)]
            return f" [{','.join(map(str, known))}]" if known else ""

        # What is left around a dropped marker may read as a marker: [[9]1].
        while (cleaned := MARKER.sub(replace, sentence)) != sentence:
            sentence = cleaned
        return sentence

    def _known(self, number: int) -> bool:
        return 1 <= number <= len(self._evidence)


def _citation(candidate: Candidate, number: int, sentence: str) -> Citation:
    chunk = candidate.chunk
    start, end = grounding.best_span(sentence, chunk.content)
    return Citation(
        number=number,
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        version_id=chunk.version_id,
        version_number=chunk.version_number,
        filename=chunk.filename,
        mime_type=chunk.mime_type,
        page=chunk.page,
        paged=chunk.paged,
        page_label=chunk.page_label,
        heading_path=chunk.heading_path,
        char_start=chunk.char_start + start,
        char_end=chunk.char_start + end,
        quote=chunk.content[start:end],
        score=candidate.score,
        superseded=chunk.superseded,
    )
