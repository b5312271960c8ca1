"""Which things does a question call by name, and does a text speak of them?

A sentence about the TX-120 does not answer a question about the TX-600, however alike the rest is.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

_WORD = re.compile(r"[^\W_][\w'’&/.-]*")
_YEAR = re.compile(r"(?:19|20)\d\d")
_PERIOD = re.compile(r"[qh][1-4]", re.I)
"""Quarters and halves are said in too many ways to be looked for."""
_GROUP = re.compile(r"[^\W\d_]+|\d+")
_SENTENCE_END = ".?!:;"
_CALENDAR = re.compile(
    r"i|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|mrs?|ms|dr",
    re.I,
)
_CAPITALISES_NOUNS = frozenset({"de", "und"})
_TITLE_CASE = 0.6
"""From this share of capitalised words on the capitals of a question say nothing."""
_ALIKE = 0.85
"""Likeness of letters from which on one is a misspelling or another form of the other."""
_MISSPELT_LETTERS = 5


def names(question: str, language: str) -> frozenset[str]:
    """Codes and years in any language; words with a capital inside a sentence where capitals mean names."""
    words = [(match.start(), match.group().rstrip(".'’/-&")) for match in _WORD.finditer(question)]
    lettered = [word for _, word in words if word[0].isalpha()]
    if not lettered or all(word.isupper() for word in lettered):
        return frozenset()
    shouted = sum(word[0].isupper() for word in lettered) >= _TITLE_CASE * len(lettered)
    by_capital = language not in _CAPITALISES_NOUNS and not shouted
    return frozenset(
        _bare(word)
        for position, word in words
        if is_code(word) or (by_capital and _is_name(word) and not _begins(question, position))
    )


def is_code(word: str) -> bool:
    """``SA-2025-04``, ``TX-600``, ``GSM`` and years are the same in every sentence; ``Q3`` and ``4.6.2`` are not."""
    if _YEAR.fullmatch(word):
        return True
    if _PERIOD.fullmatch(word):
        return False
    has_letter = any(c.isalpha() for c in word)
    return has_letter and (any(c.isdigit() for c in word) or (word.isupper() and sum(map(str.isalpha, word)) > 1))


def speaks_of(text: str, name: str) -> bool:
    """Whether the text has the name: codes however they are joined, words also in another form or misspelt."""
    text, name = _plain(text), _plain(name)
    if any(c.isdigit() for c in name):
        groups = r"[\W_]{0,2}".join(map(re.escape, _GROUP.findall(name)))
        return re.search(rf"(?<![^\W_]){groups}(?!\d)", text) is not None
    return all(_has(text, part) for part in _GROUP.findall(name))


def _plain(text: str) -> str:
    """Without case and accents: ``Ogedei`` for ``Ögedei``."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _has(text: str, part: str) -> bool:
    if part in text:
        return True
    if len(part) < _MISSPELT_LETTERS:
        return False
    matcher = SequenceMatcher(b=part, autojunk=False)
    for word in set(_GROUP.findall(text)):
        if word[0] == part[0] and abs(len(word) - len(part)) <= len(part) // 3:
            matcher.set_seq1(word)
            if matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE:
                return True
    return False


def _is_name(word: str) -> bool:
    if _PERIOD.fullmatch(word) or _CALENDAR.fullmatch(re.split(r"['’]", word)[0]):
        return False
    return word[0].isupper() and len(word) > 1


def _begins(question: str, position: int) -> bool:
    before = question[:position].rstrip(" \t\"'“‘«»([")
    return not before or before[-1] in _SENTENCE_END


def _bare(word: str) -> str:
    return re.sub(r"['’]s?$", "", word)
