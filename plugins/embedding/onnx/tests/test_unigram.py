"""Are texts cut into the most probable pieces, and do the pieces lie where they say?"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.embedding.onnx import unigram
from plugins.embedding.onnx.packed import Vocabulary, read
from plugins.embedding.onnx.tests.tiny_e5 import SPECIAL, weights_file
from plugins.embedding.onnx.unigram import Unigram

ALPHABET = "aäb热 "
UNKNOWN = SPECIAL.index("<unk>")
PIECES = {"▁": -2.5, "a": -3.0, "ä": -3.5, "▁a": -3.25, "ab": -4.0, "ba": -4.0, "▁ab": -5.0, "aba": -6.5, "热a": -5.0}
PIECES |= {"▁b": -4.5}


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    path = tmp_path_factory.mktemp("vocabulary") / "e5-small-q4.bin"
    path.write_bytes(weights_file(PIECES, layers=1)[0])
    return read(path).vocabulary


@pytest.fixture(scope="module")
def tokenizer(vocabulary: Vocabulary) -> Unigram:
    return Unigram(vocabulary)


def best_score(word: str) -> float:
    """Of all ways to cut a word, the best; written out."""
    unknown = min(PIECES.values()) - unigram.UNKNOWN_PENALTY
    best = [0.0] + [-math.inf] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(end):
            score = PIECES.get(word[start:end], unknown if end - start == 1 else -math.inf)
            best[end] = max(best[end], best[start] + score)
    return best[-1]


@given(st.text(ALPHABET, max_size=40))
def test_no_other_way_to_cut_is_more_probable(tokenizer: Unigram, text: str) -> None:
    names = [*SPECIAL, *PIECES]
    tokens = tokenizer.encode([text])[0]
    words = text.split()
    position = 0
    for word in words:
        score, taken = 0.0, 0
        while taken < len(word) + 1:
            identity, (start, end) = tokens.ids[position], tokens.spans[position]
            if identity == UNKNOWN:
                length = end - start + (taken == 0)
                score += length * (min(PIECES.values()) - unigram.UNKNOWN_PENALTY)
            else:
                length = len(names[identity])
                score += PIECES[names[identity]]
            taken += length
            position += 1
        assert taken == len(word) + 1
        assert score == pytest.approx(best_score(f"▁{word}"))
    assert position == len(tokens.ids)


@given(st.lists(st.text(max_size=30), max_size=6))
def test_spans_cover_all_but_spaces_in_order_and_texts_do_not_matter_to_each_other(
    tokenizer: Unigram, texts: list[str]
) -> None:
    together = tokenizer.encode(texts)
    for text, tokens in zip(texts, together, strict=True):
        assert tokenizer.encode([text])[0] == tokens
        places = [place for span in tokens.spans for place in span]
        assert places == sorted(places)
        assert all(0 <= start <= end <= len(text) for start, end in tokens.spans)


def test_pieces_lie_in_the_text_as_it_was(tokenizer: Unigram) -> None:
    text = "ab\n ba  a\u0308"
    tokens = tokenizer.encode([text])[0]
    # The mark that begins a word is a piece of its own where no piece has both.
    assert [text[start:end] for start, end in tokens.spans] == ["ab", "", "ba", "", "a\u0308"]


@pytest.mark.parametrize(
    ("text", "same"),
    [("a\u0308", "ä"), ("a\nb", "a b"), ("\x01a", "a"), (" a  b ", "a b"), ("a▁b", "a b"), ("\n\n", "")],
)
def test_spellings_of_the_same_text_give_the_same_pieces(tokenizer: Unigram, text: str, same: str) -> None:
    assert tokenizer.encode([text])[0].ids == tokenizer.encode([same])[0].ids


def test_marks_cannot_be_written_into_a_text(tokenizer: Unigram) -> None:
    for tokens in tokenizer.encode(["a</s>b", "<s>", "<pad> a <unk>"]):
        assert not {0, 1, 2} & set(tokens.ids)


def test_neighbours_that_no_piece_has_are_one(tokenizer: Unigram) -> None:
    tokens = tokenizer.encode(["a€€€ €a"])[0]
    assert tokens.ids.count(UNKNOWN) == 2
    assert (1, 4) in tokens.spans


def test_long_words_many_words_and_much_text_are_cut_whole(
    tokenizer: Unigram, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "ab" * 5000
    tokens = tokenizer.encode([endless])[0]
    assert tokens.spans[-1][1] == len(endless)
    text = " ".join(f"a{'b' * n}" for n in range(200))
    expected = tokenizer.encode([text])[0]
    monkeypatch.setattr(unigram, "REMEMBERED", 50)
    monkeypatch.setattr(unigram, "AT_ONCE", 30)
    forgetful = Unigram(vocabulary)
    assert forgetful.encode([text])[0] == expected
    assert forgetful.encode(["ab"])[0] == tokenizer.encode(["ab"])[0]


def test_no_texts_and_empty_ones_have_no_pieces(tokenizer: Unigram) -> None:
    assert tokenizer.encode([]) == []
    assert [tokens.ids for tokens in tokenizer.encode(["", " "])] == [[], []]


def test_a_weights_file_is_whole_or_refused(tmp_path: Path) -> None:
    from core.errors import ConfigurationError

    content, _ = weights_file(PIECES, layers=1)
    for name, damaged in {
        "cut": content[:-10],
        "short": content[:90],
        "other": b"GGUF" + content[4:],
        "no": b"",
    }.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(ConfigurationError, match="not a weights file"):
            read(tmp_path / name)
