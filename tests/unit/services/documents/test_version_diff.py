"""Is what changed found where it changed, and does comparing end?"""

from __future__ import annotations

import pytest

from services.documents.version_diff import MAX_CHARACTERS, MAX_LINES, Difference, PageText, difference

NAMES = ("version 1", "version 2")


def pages(*texts: str) -> list[PageText]:
    return [PageText(number, "", text) for number, text in enumerate(texts, start=1)]


def places(found: Difference) -> list[tuple[int | None, int | None]]:
    return [(change.page_before, change.page_after) for change in found.changes]


def test_the_same_pages_differ_in_nothing() -> None:
    found = difference(pages("a", "b"), pages("a", "b"), NAMES)
    assert (found.unified, found.changes, found.pages_unchanged, found.truncated) == ([], [], 2, False)


def test_an_inserted_page_leaves_those_after_it_alone() -> None:
    found = difference(pages("one", "two", "three"), pages("one", "new", "two", "three"), NAMES)
    assert (places(found), found.pages_unchanged) == ([(None, 2)], 3)
    assert found.unified[:2] == ["--- version 1, not there", "+++ version 2, page 2"]


def test_pages_that_share_words_are_compared_though_one_came_between() -> None:
    found = difference(
        pages("the pump costs 48 EUR", "the valve opens at 6 bar"),
        pages("something else entirely", "the pump costs 52 EUR", "the valve opens at 8 bar"),
        NAMES,
    )
    assert places(found) == [(None, 1), (1, 2), (2, 3)]
    assert found.changes[1].removed == ("the pump costs 48 EUR",)
    assert found.changes[1].added == ("the pump costs 52 EUR",)


def test_a_page_that_went_is_removed_with_its_label() -> None:
    slides = [PageText(1, "slide 1", "hello\nworld"), PageText(2, "slide 2", "goodbye\n- all")]
    found = difference(slides, slides[:1], NAMES)
    (change,) = found.changes
    assert (change.label, change.removed, change.added) == ("slide 2", ("goodbye", "- all"), ())
    assert found.unified[0] == "--- version 1, slide 2"


def test_space_at_line_ends_is_no_change() -> None:
    found = difference(pages("one \ntwo"), pages("one\ntwo "), NAMES)
    assert (found.changes, found.pages_unchanged) == ([], 1)


@pytest.mark.timeout(120)  # line by line it would take hours
def test_huge_versions_are_cut_and_say_so() -> None:
    # Few different lines in many places are what makes comparing slow.
    one = pages("\n".join(f"line {n * 7 % 97}" for n in range(100_000)), *(f"page {n}\n{n}" for n in range(3_000)))
    other = pages("\n".join(f"line {n * 5 % 89}" for n in range(100_000)), *(f"leaf {n}\n{n}" for n in range(3_000)))
    found = difference(one, other, NAMES)
    assert found.truncated
    assert sum(map(len, found.unified)) <= MAX_CHARACTERS
    assert max(len(change.added) for change in found.changes) <= MAX_LINES
