"""Which terms does a text have?

Unicode-normalised, case-folded, stemmed by the language's Snowball stemmer, Latin letters without their accents;
overlapping pairs of characters for scripts without spaces; codes such as ``E-47`` whole and in parts. Function words
stay out: they rank nothing.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from functools import lru_cache
from typing import Any

import snowballstemmer

from core.text.function_words import GRAMMAR
from core.text.language import UNDETERMINED

SPACE = 2**29
"""Term ids lie in 0 … SPACE - 1."""

_STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hi": "hindi", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

# Python's \w leaves out the marks that Arabic, Hebrew and the scripts of India write inside words.
_LETTERS = (
    r"[\w\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff]+"
)
_WORD = re.compile(rf"{_LETTERS}(?:[-./]{_LETTERS})*(?:'{_LETTERS})?")
_PART = re.compile(_LETTERS)
_UNSPACED = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff\uac00-\ud7af"
    r"\U00020000-\U0002fa1f]+"
)
_LATIN = re.compile(r"[a-z\u00c0-\u024f\u1e00-\u1eff]")
_MEANINGFUL = 3
"""Letters beside an apostrophe from which on they are a word of their own."""
_ARABIC_MARKS = re.compile(r"[\u064b-\u065f\u0670\u0640]")
_ARABIC_FOLD = str.maketrans("أإآىة", "اااية")


def terms(text: str, language: str) -> list[str]:
    """Terms in the order of the text, with repeats."""
    return [without_accents(term) for term in _terms(text, language)]


def _terms(text: str, language: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("_", " ")
    found: list[str] = []
    position = 0
    for run in _UNSPACED.finditer(folded):
        _spaced(folded[position : run.start()], language, found)
        _unspaced(run.group(), found)
        position = run.end()
    _spaced(folded[position:], language, found)
    return found


def without_accents(term: str) -> str:
    """``celoron`` for ``céloron``; marks of other scripts than the Latin stay, they are letters there."""
    if term.isascii() or not _LATIN.match(term):
        return term
    return "".join(c for c in unicodedata.normalize("NFD", term) if not unicodedata.combining(c))


def with_accents(text: str, language: str) -> list[str]:
    """Terms as they were stored until 0.4, of texts that were not read again since."""
    return _terms(text, language)


def term_id(term: str) -> int:
    """A stable number for a term."""
    return _hashed(term)


@lru_cache(maxsize=200_000)
def _hashed(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=4).digest()) % SPACE


def _spaced(text: str, language: str, found: list[str]) -> None:
    stop = GRAMMAR.get(language, GRAMMAR["en"] if language == UNDETERMINED else frozenset())
    for match in _WORD.finditer(text):
        for word in _without_elision(match.group()):
            if word in stop:
                continue
            if any(sign in word for sign in "-./"):
                if any(c.isdigit() for c in word):
                    found.append(word)
                found.extend(_stem(part, language) for part in _PART.findall(word) if part not in stop)
            else:
                found.append(_stem(word, language))


def _without_elision(word: str) -> tuple[str, ...]:
    """What carries the meaning around an apostrophe: ``eau`` of l'eau, ``company`` of company's."""
    if "'" not in word:
        return (word,)
    halves = word.split("'", 1)
    return tuple(half for half in halves if len(half) >= _MEANINGFUL) or (halves[0],)


def _unspaced(run: str, found: list[str]) -> None:
    found.extend(run)
    found.extend(run[i : i + 2] for i in range(len(run) - 1))


@lru_cache(maxsize=200_000)
def _stem(word: str, language: str) -> str:
    if any(c.isdigit() for c in word):
        return word
    if "\u0600" <= word[0] <= "\u06ff":
        word = _ARABIC_MARKS.sub("", word).translate(_ARABIC_FOLD) or word
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


class _Stemmers(threading.local):
    """A stemmer works on a word inside itself, so every thread has its own."""

    def __init__(self) -> None:
        self.by_language: dict[str, Any] = {}


_stemmers = _Stemmers()


def _stemmer(language: str) -> Any:
    known = _stemmers.by_language
    if language not in known:
        name = _STEMMERS.get(language if language != UNDETERMINED else "en")
        known[language] = snowballstemmer.stemmer(name) if name else None
    return known[language]
