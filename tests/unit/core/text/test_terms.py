"""Which terms does a text have, in every kind of script?"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import terms


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The boilers were maintained", "en", {"boiler", "were", "maintain"}),
        ("Die Wärmepumpen wurden gewartet", "de", {"warmepump", "wurd", "gewart"}),
        ("maintenance des chaudières", "fr", {"mainten", "chaudi"}),
        ("ﬁne ＡＢＣ", "en", {"fine", "abc"}),
        ("snake_case", "en", {"snake", "case"}),
        ("of the", "en", set()),
        ("", "en", set()),
        ("!?…", "en", set()),
    ],
)
def test_words_are_normalised_and_stemmed_by_their_language(text: str, language: str, expected: set[str]) -> None:
    assert set(terms.terms(text, language)) == expected


def test_inflected_forms_of_a_word_meet_in_one_term() -> None:
    for language, one, other in (
        ("en", "services", "service"),
        ("de", "Wartungen", "Wartung"),
        ("fr", "chaudières", "chaudière"),
        ("ru", "отпуска", "отпуск"),
        ("ar", "الإجازات", "الاجازة"),
        ("hi", "छुट्टियों", "छुट्टी"),
    ):
        assert terms.terms(one, language) == terms.terms(other, language), language


def test_vowel_marks_and_letter_variants_of_arabic_change_nothing() -> None:
    assert terms.terms("الإِجازةُ", "ar") == terms.terms("الاجازة", "ar")
    assert len(terms.terms("الإِجازةُ", "ar")) == 1


@pytest.mark.parametrize(("word", "language"), [("कितने", "hi"), ("שָׁלוֹם", "he"), ("বিদ্যুৎ", "bn"), ("தமிழ்", "ta")])
def test_marks_inside_a_word_do_not_tear_it(word: str, language: str) -> None:
    assert len(terms.terms(f"{word} {word}", language)) == 2


def test_a_code_is_found_whole_and_by_its_parts() -> None:
    assert terms.terms("Error E-47/B2", "en") == ["error", "e-47/b2", "e", "47", "b2"]


def test_a_joined_word_without_digits_is_found_by_its_parts_only() -> None:
    assert terms.terms("state-of-the-art", "en") == terms.terms("state art", "en")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("l'eau", "fr", ["eau"]),
        ("l’eau", "fr", ["eau"]),
        ("dell'azienda", "it", terms.terms("azienda", "it")),
        ("the company's", "en", terms.terms("company", "en")),
        ("O'Brien", "en", ["brien"]),
        ("it's", "en", []),
        ("d'un", "fr", []),
    ],
)
def test_around_an_apostrophe_the_meaning_is_kept(text: str, language: str, expected: list[str]) -> None:
    assert terms.terms(text, language) == expected


def test_scripts_without_spaces_give_characters_and_overlapping_pairs() -> None:
    assert terms.terms("热泵维护", "zh") == ["热", "泵", "维", "护", "热泵", "泵维", "维护"]
    assert set(terms.terms("热泵", "zh")) < set(terms.terms("请维护热泵吧", "zh"))


def test_mixed_scripts_keep_the_order_of_the_text() -> None:
    assert terms.terms("pump 热泵 valve", "en") == ["pump", "热", "泵", "热泵", "valv"]


def test_an_undetermined_text_is_read_like_english() -> None:
    assert terms.terms("the services", "und") == terms.terms("the services", "en")


def test_a_language_without_stemmer_or_list_keeps_every_word_as_it_is() -> None:
    assert terms.terms("Dni urlopu", "pl") == ["dni", "urlopu"]


@given(st.text(max_size=200), st.sampled_from(["en", "de", "fr", "ja", "ar", "und", "xx"]))
def test_any_text_gives_terms_that_are_not_empty_and_have_a_stable_id(text: str, language: str) -> None:
    found = terms.terms(text, language)
    assert all(found)
    ids = [terms.term_id(term) for term in found]
    assert all(0 <= number < terms.SPACE for number in ids)
    assert ids == [terms.term_id(term) for term in terms.terms(text, language)]


def test_case_does_not_matter() -> None:
    assert terms.terms("BOILER Straße", "de") == terms.terms("boiler STRASSE", "de")


def test_a_term_has_the_number_that_stored_vectors_carry() -> None:
    # Changing these would make every stored vector meaningless.
    assert [terms.term_id(term) for term in ("boiler", "e-47", "热泵")] == [367469013, 473763863, 517148657]


def test_several_threads_stem_at_once_and_get_what_one_gets() -> None:
    words = [f"{first}{last}" for first in ("station", "relation", "general", "conver") for last in _ENDINGS]
    texts = [" ".join(words[start:] + words[:start]) for start in range(len(words))]
    terms._stem.cache_clear()
    expected = [terms.terms(text, "en") for text in texts]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for _ in range(5):
                terms._stem.cache_clear()
                assert list(threads.map(lambda text: terms.terms(text, "en"), texts)) == expected
    finally:
        sys.setswitchinterval(before)


_ENDINGS = ("ally", "ing", "edly", "ness", "ations", "ational", "izing", "izers", "fulness", "ment", "ies", "sses")
