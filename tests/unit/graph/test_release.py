"""Does a reader see checked sentences, however the stream is cut?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from core.events import AnswerEvent, CitationEvent, SentenceEvent, Support, TokenEvent
from core.types import Candidate
from graph.citations import MARKER, cited_numbers, plain
from graph.release import SentenceReleaser
from tests.unit.graph.conftest import evidence, pieces_of

EVIDENCE = evidence("The relief valve opens at 6 bar.", "It is tested every January.", "Vacation is 30 days.")
LONG = "A wrapped line that is long enough to have been wrapped by an editor"
TEXTS = st.lists(
    st.sampled_from(
        [
            "The valve opens at 6 bar", "Es ist", "Dr.", "z. B.", "3.5", "1.", "是。", "」", ".", "!", "…", ",", ";",
            " ", "\n", "\n\n", "\n- ", "[1]", " [2]", "[3]", "[9]", "[1, 2]", "[2,9]", "【1】", "[ 3 ]", "[", "]",
            "[12", "[Note]", "(", ")", '"', "”", "| a |", LONG, "x",
        ]
    ),
    max_size=14,
).map("".join)  # fmt: skip


async def _released(pieces: Sequence[str], sources: Sequence[Candidate]) -> tuple[str, list[AnswerEvent]]:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    releaser = SentenceReleaser(sources, emit)
    for piece in pieces:
        await releaser.feed(piece)
    await releaser.finish()
    return releaser.text, events


def released(pieces: Sequence[str], sources: Sequence[Candidate] = EVIDENCE) -> tuple[str, list[AnswerEvent]]:
    return asyncio.run(_released(pieces, sources))


@given(TEXTS, st.lists(st.integers(0, 500), max_size=20))
@example("The valve opens. [1][2] It shuts.", list(range(34)))
@example("It opens. [1], [2] And shuts. [9] Fine.", list(range(40)))
@example("z. B. heute.[1]Und morgen. 【2】 Ende", list(range(40)))
@example(f"{LONG}\n- item [1]\n2. more", list(range(90)))
def test_where_the_stream_is_cut_changes_nothing(text: str, cuts: list[int]) -> None:
    whole, whole_events = released([text])
    cut, cut_events = released(pieces_of(text, cuts))
    assert cut == whole
    assert cut_events == whole_events


@given(TEXTS)
def test_one_character_at_a_time_gives_the_same_answer(text: str) -> None:
    assert released(list(text)) == released([text])


@given(TEXTS)
def test_tokens_add_up_to_the_text_and_sentences_are_spans_of_it(text: str) -> None:
    whole, events = released([text])
    tokens = [event.text for event in events if isinstance(event, TokenEvent)]
    assert "".join(tokens) == whole
    assert all(token.strip() for token in tokens)
    spans = [(event.start, event.end) for event in events if isinstance(event, SentenceEvent)]
    assert all(whole[start:end] == whole[start:end].strip() != "" for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


@given(TEXTS)
def test_nothing_is_lost_but_markers(text: str) -> None:
    def words(string: str) -> str:
        return "".join(plain(string).split())

    whole, _ = released([text])
    if "[" not in plain(text) and "【" not in plain(text):
        assert words(whole) == words(text)


@given(TEXTS, st.integers(0, 3))
def test_no_marker_without_a_source_survives_and_each_comes_after_its_citation(text: str, sources: int) -> None:
    whole, events = released([text], EVIDENCE[:sources])
    numbers: list[int] = []
    for event in events:
        if isinstance(event, CitationEvent):
            numbers.append(event.citation.number)
        elif isinstance(event, TokenEvent):
            assert set(cited_numbers(event.text)) <= set(numbers)
        elif isinstance(event, SentenceEvent):
            assert set(event.citations) == set(cited_numbers(whole[event.start : event.end]))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) <= sources
    assert set(cited_numbers(whole)) <= set(numbers)


def test_a_sentence_is_shown_as_soon_as_the_next_one_begins() -> None:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    async def say() -> list[int]:
        releaser = SentenceReleaser(EVIDENCE, emit)
        seen = []
        for piece in ("The valve", " opens at 6 bar", ". [", "1]", " ", "It is", " tested. [Note] more"):
            await releaser.feed(piece)
            seen.append(sum(isinstance(event, TokenEvent) for event in events))
        return seen

    assert asyncio.run(say()) == [0, 0, 0, 0, 0, 1, 2]


def test_sources_are_numbered_by_first_use_and_announced_once() -> None:
    text, events = released(["Vacation is 30 days [3]. The valve opens at 6 bar [1]. Vacation is 30 days [3]."])
    assert text == "Vacation is 30 days [1]. The valve opens at 6 bar [2]. Vacation is 30 days [1]."
    citations = [event.citation for event in events if isinstance(event, CitationEvent)]
    assert [(c.number, c.quote) for c in citations] == [
        (1, "Vacation is 30 days."),
        (2, "The relief valve opens at 6 bar."),
    ]


def test_each_sentence_is_held_against_its_own_sources() -> None:
    _, events = released(["The valve opens at 6 bar [1]. The valve opens at 9 bar [1]. It is blue."])
    assert [e.support for e in events if isinstance(e, SentenceEvent)] == [
        Support.SUPPORTED,
        Support.UNSUPPORTED,
        Support.UNSUPPORTED,
    ]


def test_an_answer_of_thousands_of_sentences_is_released() -> None:
    text = "It opens. " * 3000
    whole, events = released([text])
    assert whole == text.strip()
    assert sum(isinstance(event, SentenceEvent) for event in events) == 3000


def test_nothing_said_is_nothing_released() -> None:
    assert released(["", "  \n"]) == ("", [])
    assert released([" [9] "]) == ("", [])
    assert MARKER.search(" [9] ")
