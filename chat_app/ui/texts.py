"""How is an answer written so that Chainlit's Markdown shows what we mean, and nothing else?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.events import Citation, Outcome, SentenceEvent, Stage, StageEvent, Support

ASSISTANT = "Knowledge Foundry"
_MARKER = re.compile(r"\[(\d{1,3})\]")
_BEGUN_MARKER = re.compile(r"\[\d{0,3}$")
_OFFERED = re.compile(r"^- (.+)$", re.M)
UNSUPPORTED = " [not in the sources](#unsupported)"
_STAGES = {
    Stage.GUARD: "Reading the question",
    Stage.CONTEXTUALIZE: "Reading the question",
    Stage.RETRIEVE: "Searching the documents",
    Stage.RERANK: "Reading the passages",
    Stage.WEIGH: "Reading the passages",
    Stage.GENERATE: "Writing the answer",
    Stage.VERIFY: "Checking the answer",
}


def with_links(
    text: str, citations: Iterable[Citation], sentences: Iterable[SentenceEvent] = (), outcome: str = ""
) -> str:
    """The text with each marker a link that opens its source, and sentences without support marked.

    In a reply that is no answer, the questions it ends with are links that ask them.
    """
    pieces, position = [], 0
    for sentence in sorted(sentences, key=lambda item: item.end):
        if sentence.support is Support.UNSUPPORTED and position < sentence.end <= len(text):
            end = position + len(text[position : sentence.end].rstrip())
            pieces += [text[position:end], UNSUPPORTED.replace("[", "\x01").replace("]", "\x02")]
            position = end
    marked = "".join([*pieces, text[position:]])
    linked = _linked(marked, {citation.number for citation in citations}).replace("\x01", "[").replace("\x02", "]")
    return _OFFERED.sub(_asking, linked) if outcome == Outcome.TOLD else linked


def _asking(offered: re.Match[str]) -> str:
    question = offered[1].replace("[", "\\[").replace("]", "\\]")
    return f"- [{question}](#ask)"


def _linked(text: str, numbers: set[int]) -> str:
    def link(match: re.Match[str]) -> str:
        number = int(match[1])
        return f"[{number}](#cite-{number})" if number in numbers else match[0]

    # Documents and models may write links and pictures; an answer leads only to its sources.
    harmless = text.replace("![", "!\\[").replace("](", "]\\(")
    return _MARKER.sub(link, harmless)


def split_begun_marker(text: str) -> tuple[str, str]:
    """What can be shown now, and a marker that has only begun to arrive."""
    begun = _BEGUN_MARKER.search(text)
    return (text[: begun.start()], text[begun.start() :]) if begun else (text, "")


def stage(event: StageEvent) -> str:
    """What stands where the answer will stand while there is no text."""
    return f"*{event.detail or _STAGES[event.stage]}* …"


def handed_in(count: int) -> str:
    """What a message says that only brings files."""
    return "Handed in a file." if count == 1 else f"Handed in {count} files."
