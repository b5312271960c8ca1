"""Are the words of a citation found where recognition saw them?"""

from __future__ import annotations

import json

from core.types import Box, Word
from services.indexing.word_boxes import boxes, stored

# "One two / three four": two lines of two words.
WORDS = [
    Word(0, 3, Box(0.1, 0.1, 0.2, 0.12)),
    Word(4, 7, Box(0.25, 0.101, 0.35, 0.121)),
    Word(8, 13, Box(0.1, 0.15, 0.2, 0.17)),
    Word(14, 18, Box(0.25, 0.15, 0.3512345678, 0.17)),
]
KEPT = json.loads(json.dumps(stored(WORDS)))


def test_a_line_is_one_box_and_the_next_line_another() -> None:
    assert boxes(KEPT, 0, 18) == [Box(0.1, 0.1, 0.35, 0.121), Box(0.1, 0.15, 0.35123, 0.17)]


def test_a_span_takes_the_words_it_touches_and_no_others() -> None:
    assert boxes(KEPT, 5, 6) == [Box(0.25, 0.101, 0.35, 0.121)]
    assert boxes(KEPT, 3, 4) == []
    assert boxes(KEPT, 7, 9) == [Box(0.1, 0.15, 0.2, 0.17)]


def test_the_second_column_does_not_join_the_first() -> None:
    columns = stored([Word(0, 3, Box(0.6, 0.1, 0.7, 0.12)), Word(4, 7, Box(0.1, 0.1, 0.2, 0.12))])
    assert len(boxes(columns, 0, 7)) == 2


def test_a_page_without_words_has_no_boxes() -> None:
    assert boxes(None, 0, 10) == []
    assert boxes([], 0, 10) == []
