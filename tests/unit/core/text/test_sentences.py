"""Where do sentences begin and end?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import sentences

LONG = "A wrapped line that is long enough to have been wrapped by an editor"
ALPHABET = st.sampled_from([*"aB1.!?…。！[]【】(),;:\"”' \n-|", "Dr.", "z. B.", "[1]", " [2]", "\n- ", "3.5", LONG])


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences.split(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four…", ["One.", "Two!", "Three?", "Four…"]),
        ("Dr. Weber kommt z. B. heute. Gut!", ["Dr. Weber kommt z. B. heute.", "Gut!"]),
        ("See Fig. 3, i.e. the valve. Done.", ["See Fig. 3, i.e. the valve.", "Done."]),
        ("It weighs 3.5 kg. Heavy.", ["It weighs 3.5 kg.", "Heavy."]),
        ('He said "Yes." Then he left.', ['He said "Yes."', "Then he left."]),
        ("1. First step. 2. Second step.", ["1. First step.", "2. Second step."]),
        ("你好。再见！好", ["你好。", "再见！", "好"]),
        ("他说「好。」然后走了。", ["他说「好。」", "然后走了。"]),
        ("", []),
        (" \n\t ", []),
        ("no end mark", ["no end mark"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It opens. [1] It shuts.", ["It opens. [1]", "It shuts."]),
        ("It opens. [1][2], [3] It shuts.", ["It opens. [1][2], [3]", "It shuts."]),
        ("It opens. [1]It shuts.", ["It opens. [1]", "It shuts."]),
        ("It opens. [1]", ["It opens. [1]"]),
        ("It opens. 【1】 It shuts.", ["It opens. 【1】", "It shuts."]),
        ("It opens. [ 1, 2 ] It shuts.", ["It opens. [ 1, 2 ]", "It shuts."]),
        ("It opens [1]. It shuts.", ["It opens [1].", "It shuts."]),
        ("开。[1]关。[2]", ["开。[1]", "关。[2]"]),
        ("It opens. [Note] It shuts.", ["It opens.", "[Note] It shuts."]),
        ("Per Nr. [1] it opens.", ["Per Nr. [1] it opens."]),
    ],
)
def test_markers_belong_to_the_sentence_they_follow(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- one\n- two", ["- one", "- two"]),
        ("| a | b |\n| c | d |", ["| a | b |", "| c | d |"]),
        ("| a. B | c! D |\n| e |", ["| a. B | c! D |", "| e |"]),
        ("Title\nText", ["Title", "Text"]),
        ("short\ngoes on", ["short\ngoes on"]),
        (f"{LONG}\nand goes on here. End.", [f"{LONG}\nand goes on here.", "End."]),
        (f"{LONG}\nNext line", [f"{LONG}\nNext line"]),
        (f"{LONG}\n- an item", [LONG, "- an item"]),
        (f"{LONG}\n2. an item", [LONG, "2. an item"]),
        (f"{LONG}:\nNext line", [f"{LONG}:", "Next line"]),
        (f"{LONG}\n\nNext paragraph", [LONG, "Next paragraph"]),
        ("cited [1]\nnext", ["cited [1]", "next"]),
    ],
)
def test_lines_are_sentences_unless_one_plainly_runs_on(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.lists(ALPHABET, max_size=40).map("".join) | st.text(max_size=200))
def test_every_visible_character_lies_in_exactly_one_sentence(text: str) -> None:
    spans = sentences.split(text)
    position = 0
    for start, end in spans:
        assert start < end
        assert start >= position
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()
