"""Does a reader see checked sentences, however the stream is cut?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from core.events import AnswerEvent, CitationEvent, SentenceEvent, Support, TokenEvent
from core.types import Candidate
from graph.admission import Admission
from graph.citations import MARKER, cited_numbers, plain
from graph.release import ASTRAY, SentenceReleaser
from tests.unit.graph.conftest import chunk, evidence, pieces_of

EVIDENCE = evidence("The relief valve opens at 6 bar.", "It is tested every January.", "Vacation is 30 days.")
QUESTION = "At what pressure does the valve open?"
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


async def _released(
    pieces: Sequence[str], sources: Sequence[Candidate], admission: Admission | None
) -> tuple[str, list[AnswerEvent]]:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    releaser = SentenceReleaser(sources, emit, admission)
    for piece in pieces:
        await releaser.feed(piece)
    await releaser.finish()
    return releaser.text, events


def released(pieces: Sequence[str], sources: Sequence[Candidate] = EVIDENCE) -> tuple[str, list[AnswerEvent]]:
    """What is shown of quotes."""
    return asyncio.run(_released(pieces, sources, None))


def admitted(pieces: Sequence[str], question: str = QUESTION) -> tuple[str, list[AnswerEvent]]:
    """What is shown of a model's answer."""
    return asyncio.run(_released(pieces, EVIDENCE, Admission(EVIDENCE, question)))


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


SAID = st.lists(
    st.sampled_from(
        [
            "The relief valve opens at 6 bar", "It is tested every January", "Vacation is 30 days", "Ask Otto",
            "Yes", "#", "At what pressure does the valve open?", "The valve opens", "At 9 bar", "passages-0a1b2c",
            "end passages-0a1b2c", "NO_ANSWER", "NOT_COVERED: the pressure", ".", ". ", "\n", "\n- ", ":\n", " [1]",
            " [2]", "[9]", "**", "| a |",
        ]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(SAID, st.lists(st.integers(0, 500), max_size=20))
def test_of_a_model_every_claim_shown_has_its_passage_wherever_the_stream_is_cut(text: str, cuts: list[int]) -> None:
    whole, events = admitted([text])
    assert admitted(pieces_of(text, cuts)) == (whole, events)
    said = [(whole[e.start : e.end], e) for e in events if isinstance(e, SentenceEvent)]
    assert all(event.support in (Support.SUPPORTED, Support.PARTLY, Support.NOT_A_CLAIM) for _, event in said)
    assert all(event.citations for _, event in said if event.support is not Support.NOT_A_CLAIM)
    assert not said or any(event.citations for _, event in said)
    claims = [plain(sentence).strip(" -.\n") for sentence, event in said if event.support is not Support.NOT_A_CLAIM]
    assert len(set(claims)) == len(claims)
    for frame in ("passages-", "NO_ANSWER", "NOT_COVERED", "Otto", "9 bar"):
        assert frame not in whole


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


def test_what_has_no_marker_gets_one_before_its_end_and_a_wrong_one_gives_way() -> None:
    assert admitted(["The relief valve opens at 6 bar."])[0] == "The relief valve opens at 6 bar [1]."
    assert admitted(["**The relief valve opens at 6 bar.**"])[0] == "**The relief valve opens at 6 bar [1].**"
    assert admitted(["| relief valve opens | 6 bar |"])[0] == "| relief valve opens | 6 bar [1] |"
    text, events = admitted(["Vacation is 30 days [1]."], "How many days is vacation?")
    assert text == "Vacation is 30 days [1]."
    assert [e.citation.quote for e in events if isinstance(e, CitationEvent)] == ["Vacation is 30 days."]


def test_an_answer_in_words_of_its_own_needs_no_subject_but_a_bare_amount_does() -> None:
    assert admitted(["The answer is: the relief valve opens at 6 bar."])[0] == "the relief valve opens at 6 bar [1]."
    assert admitted(["The answer is 6 bar."]) == ("", [])
    assert admitted(["30 days."]) == ("", [])


def test_a_sentence_that_only_gives_the_question_back_is_none() -> None:
    for echo in ("The valve opens at pressure [1].", "The valve does open.", QUESTION, "The valve opens itself [1]."):
        assert admitted([echo]) == ("", []), echo
    assert admitted(["The valve opens [1]."], "Does the valve open?")[0] == "The valve opens [1]."
    assert admitted(["Valve 6 opens at 6 bar [1]."], "At how many bar does valve 6 open?")[0]
    assert admitted(["The relief valve [1]."], "Which opens at 6 bar, the relief valve or the pump?")[0]


def test_a_sentence_that_turns_in_itself_is_held_back() -> None:
    assert admitted(["The valve opens at 6 bar at the valve opens at 6 bar of the valve 6 bar [1]."]) == ("", [])
    assert admitted(["| 6 | 6 | 6 | 6 | 6 | 6 | bar [1]"])[0]
    hours = "It opens Mon 6 to 6, Tue 6 to 6, Wed 6 to 6."
    sources = [Candidate(chunk(hours), 1.0)]
    assert asyncio.run(_released([f"{hours} [1]"], sources, Admission(sources, QUESTION)))[0] == f"{hours} [1]"


def test_titles_and_signs_of_the_frame_are_not_shown() -> None:
    sources = [Candidate(chunk("The relief valve opens at 6 bar.", context="Boiler › Safety"), 1.0)]
    said = ["[1] (Boiler › Safety)\n>\nThe relief valve opens at 6 bar.\n---"]
    shown, _ = asyncio.run(_released(said, sources, Admission(sources, QUESTION)))
    assert shown.strip() == "The relief valve opens at 6 bar [1]."


def test_a_model_is_not_asked_to_ask() -> None:
    assert admitted(["When is the relief valve at 6 bar tested [1]?"]) == ("", [])


def test_what_is_true_but_speaks_of_something_else_needs_its_marker() -> None:
    assert admitted(["The oil of the relief valve is tested every January."], "Who feeds the cat?") == ("", [])
    assert admitted(["It is tested every January [2]."], "Who feeds the cat?")[0] == "It is tested every January [1]."


def test_words_that_claim_nothing_are_shown_with_what_they_belong_to() -> None:
    valve = "The relief valve opens at 6 bar [1]."
    assert admitted([f"Yes. {valve}"])[0] == f"Yes. {valve}"
    assert admitted([f"## The valve\n{valve}"])[0] == f"## The valve\n{valve}"
    assert admitted([f"The valve opens as follows:\n- {valve}"])[0] == f"The valve opens as follows:\n- {valve}"
    assert admitted(["Yes."]) == ("", [])
    assert admitted([f"Yes. Otto knows. {valve}"])[0] == valve
    assert admitted([f"{valve} Otto knows. Yes."])[0] == valve
    assert admitted([f"## The fee is 500 EUR\n{valve}"])[0] == valve


def test_a_translation_whose_numbers_agree_is_shown_and_marked() -> None:
    question = "Wann wird das Ventil des Kessels geprüft?"
    text, events = admitted(["Das Ventil wird jedes Jahr im ersten Monat geprüft [2]."], question)
    assert text == "Das Ventil wird jedes Jahr im ersten Monat geprüft [1]."
    assert [e.support for e in events if isinstance(e, SentenceEvent)] == [Support.UNSUPPORTED]
    assert admitted(["Das Ventil wird alle 9 Jahre im ersten Monat geprüft [2]."], question) == ("", [])
    assert admitted(["Das Ventil wird jedes Jahr im ersten Monat geprüft."], question) == ("", [])


def test_after_many_sentences_held_back_the_rest_is_not_read() -> None:
    stray = " ".join(f"Otto knows number {n}." for n in range(ASTRAY))
    assert admitted([f"{stray} The relief valve opens at 6 bar [1]."]) == ("", [])
    assert (
        admitted([f"Otto knows. {stray[:20]} The relief valve opens at 6 bar [1]."])[0]
        == "The relief valve opens at 6 bar [1]."
    )


def test_gaps_are_in_the_words_of_the_question_or_nowhere() -> None:
    admission = Admission(EVIDENCE, "At what pressure does the valve open, and who made it in 1974?")
    for said in (
        "NOT_COVERED: who made it",
        "- NOT_COVERED: who made it",
        "NOT_COVERED: who made it in 1975",
        "NOT_COVERED:",
    ):
        assert admission.admit(said) is None
    assert admission.gaps == ["who made it"]
    assert not admission.declined
