"""Do recognised words become the text that people would have typed?"""

from __future__ import annotations

from core.types import Box
from plugins.parser.ocr.page_text import page_of
from plugins.parser.ocr.tesseract import Seen

BOX = Box(0.1, 0.1, 0.2, 0.2)


def seen(*lines: str, block: int = 1) -> list[Seen]:
    return [Seen(word, BOX, (block, 1), number) for number, line in enumerate(lines) for word in line.split()]


def test_words_lines_and_paragraphs_are_set_apart() -> None:
    page = page_of(3, [*seen("One two", "three"), *seen("Four", block=2)])
    assert (page.number, page.text) == (3, "One two\nthree\n\nFour")
    assert [page.text[block.start : block.end] for block in page.blocks] == ["One two\nthree", "Four"]
    assert [page.text[word.start : word.end] for word in page.words] == ["One", "two", "three", "Four"]


def test_a_word_divided_at_the_end_of_a_line_is_one_and_stands_at_two_places() -> None:
    page = page_of(1, seen("under exces-", "sive pressure"))
    assert page.text == "under excessive pressure"
    assert [page.text[word.start : word.end] for word in page.words] == ["under", "exces", "sive", "pressure"]


def test_a_hyphen_that_divides_nothing_stays() -> None:
    assert page_of(1, seen("part TX-", "4000")).text == "part TX-\n4000"
    assert page_of(1, seen("pages 3 -", "next")).text == "pages 3 -\nnext"
    assert page_of(1, seen("well-known TX-")).text == "well-known TX-"
    assert page_of(1, [*seen("exces-"), *seen("sive", block=2)]).text == "exces-\n\nsive"


def test_scripts_without_blanks_get_none() -> None:
    assert page_of(1, seen("安全 阀 ABC 打开")).text == "安全阀 ABC 打开"
    assert page_of(1, seen("한국 어")).text == "한국 어"


def test_nothing_seen_is_an_empty_page() -> None:
    page = page_of(1, [])
    assert (page.text, page.blocks, page.words) == ("", (), ())
