"""Does every marker stand for a source, and every source for exact characters?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.types import Candidate
from graph.citations import MARKER, CitationBook, cited_numbers, plain
from tests.unit.graph.conftest import chunk, evidence

NOISE = st.text(st.sampled_from("[]【】0123456789,; a.\t"), max_size=40)


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("It opens [2].", [2]),
        ("It opens [1][3].", [1, 3]),
        ("It opens [1, 3; 2].", [1, 3, 2]),
        ("It opens 【2】.", [2]),
        ("It opens [ 2 ] [2].", [2]),
        ("It opens [٣].", [3]),
        ("No [note], no [2024], no [1-2], no [].", []),
    ],
)
def test_numbers_are_read_as_models_write_them(sentence: str, numbers: list[int]) -> None:
    assert cited_numbers(sentence) == numbers


def test_a_sentence_without_markers_reads_as_if_there_had_been_none() -> None:
    assert plain("It opens [1][2] at 6 bar 【3】.") == "It opens at 6 bar."


@given(NOISE, st.integers(0, 3))
@example("[[9]1]", 1)
@example("[1[9]]", 1)
@example("[ [99]2]", 1)
@example("[[9][9]1]", 0)
def test_no_marker_without_a_source_survives(sentence: str, sources: int) -> None:
    book = CitationBook(evidence(*(f"Source number {n}." for n in range(sources))))
    shown, used, new = book.rewrite(sentence)
    assert set(cited_numbers(shown)) == set(used) == {citation.number for citation in new}
    assert len(book) == len(new) <= sources


@given(st.lists(NOISE, max_size=4))
def test_a_source_keeps_its_number_through_the_answer(sentences: list[str]) -> None:
    sources = evidence("First source.", "Second source.", "Third source.")
    book = CitationBook(sources)
    numbered: dict[str, int] = {}
    for sentence in sentences:
        _, used, new = book.rewrite(sentence)
        numbered.update({citation.quote: citation.number for citation in new})
        assert set(used) <= set(numbered.values())
    assert sorted(numbered.values()) == list(range(1, len(book) + 1))


def test_a_marker_with_known_and_unknown_numbers_keeps_the_known() -> None:
    book = CitationBook(evidence("One.", "Two."))
    shown, used, _ = book.rewrite("It opens [2, 9, 1].")
    assert shown == "It opens [1][2]."
    assert used == (1, 2)


def test_zero_is_no_source() -> None:
    shown, used, new = CitationBook(evidence("One.")).rewrite("It opens [0].")
    assert (shown, used, new) == ("It opens.", (), [])


def test_passages_come_with_the_headings_they_stand_under() -> None:
    book = CitationBook([Candidate(chunk("It opens at 6 bar.", context="Manual › Safety"), 1.0)])
    assert book.passages("It opens [1] [9].") == ["Manual › Safety\nIt opens at 6 bar."]
    assert book.passages("It opens.") == []


def test_a_citation_marks_the_sentence_that_comes_nearest_in_the_page() -> None:
    stored = chunk("Pumps are blue. The relief valve opens at 6 bar. Vacation is long.", char_start=1000)
    _, _, (citation,) = CitationBook([Candidate(stored, 0.7)]).rewrite("The valve opens at 6 bar [1].")
    assert citation.quote == "The relief valve opens at 6 bar."
    assert stored.content[citation.char_start - 1000 : citation.char_end - 1000] == citation.quote
    assert (citation.chunk_id, citation.version_id, citation.score) == (stored.id, stored.version_id, 0.7)


def test_a_citation_of_a_passage_without_shared_words_marks_all_of_it() -> None:
    stored = chunk("Pumpen sind blau. Ventile sind rot.")
    _, _, (citation,) = CitationBook([Candidate(stored, 0.7)]).rewrite("Everything is fine [1].")
    assert citation.quote == stored.content


def test_markers_do_not_reach_over_lines() -> None:
    assert MARKER.search("[\n1]") is None
