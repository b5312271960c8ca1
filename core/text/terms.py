"""Which terms does a text have?

Unicode-normalised, case-folded, stemmed by the language's Snowball stemmer; overlapping pairs of characters for scripts
without spaces. Codes such as ``E-47`` stay whole and come in parts too; numbers are the same number however they are
written (``1,200`` and ``1.200``). Function words stay out: they rank nothing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Any

import snowballstemmer

from core.text.function_words import ASKING, GRAMMAR
from core.text.language import UNDETERMINED

SPACE = 2**29
"""Term ids lie in 0 … SPACE - 1."""

_STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hi": "hindi", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

_WORD = re.compile(r"[^\W_]+(?:[-./'][^\W_]+|,\d+)*")
_PART = re.compile(r"[^\W_]+")
_SIGN = re.compile(r"[-./',]")
_THOUSANDS = re.compile(r"\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3})+|(?:'\d{3})+)")
_DECIMAL = re.compile(r"\d+[.,]\d+")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0002fa1f"
_THAI = "\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff"
_UNSPACED = re.compile(f"(?P<cjk>[{_CJK}]+)|[{_THAI}]+")
_ARABIC_MARKS = re.compile("[\u064b-\u065f\u0670\u0640]")
_ARABIC_FOLD = str.maketrans("أإآىة", "اااية")
_QUOTES = str.maketrans("’‘ʼ‐‑", "'''--")
_ENDINGS = frozenset({"s", "t", "re", "ve", "ll", "d", "m"})
_ASKING_CJK = frozenset("吗呢么多少什几谁哪怎的了是在和有為何いつどこだれかはがをのにでとも")


def terms(text: str, language: str) -> list[str]:
    """Terms in the order of the text, with repeats.

    Args:
        language: ISO 639-1; ``und`` is analysed as English, unknown languages are not stemmed.
    """
    found: list[str] = []
    position, normal = 0, _normal(text)
    for run in _UNSPACED.finditer(normal):
        _spaced(normal[position : run.start()], language, found)
        _unspaced(run.group(), found, single=run.lastgroup == "cjk")
        position = run.end()
    _spaced(normal[position:], language, found)
    return found


def content_words(text: str, language: str) -> list[tuple[str, ...]]:
    """The distinct words that carry content, each as the terms any of which shows that a text has it.

    Without what questions are made of ("how many", "does"). A name comes stemmed and as it is written, so that it is
    found in a text of another language; a code only whole; unspaced scripts in pairs of characters.
    """
    found: dict[tuple[str, ...], None] = {}
    position, normal = 0, _normal(text)
    for run in _UNSPACED.finditer(normal):
        _add_content(normal[position : run.start()], language, found)
        characters = run.group()
        pairs = [characters[i : i + 2] for i in range(len(characters) - 1)] or [characters]
        found.update(dict.fromkeys((pair,) for pair in pairs if not _ASKING_CJK.issuperset(pair)))
        position = run.end()
    _add_content(normal[position:], language, found)
    return list(found)


def term_id(term: str) -> int:
    """A number for a term, the same on every machine and in every release."""
    return _hashed(term)


@lru_cache(maxsize=200_000)
def _hashed(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=4).digest()) % SPACE


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_QUOTES)


def _add_content(text: str, language: str, found: dict[tuple[str, ...], None]) -> None:
    asking = ASKING.get(language, ASKING["en"] if language == UNDETERMINED else frozenset())
    for word in _WORD.findall(text):
        of_word = _word_terms(word, language)
        if word.casefold() in asking or not of_word:
            continue
        if any(c.isdigit() for c in word):
            found[of_word[:1]] = None
        else:
            for part in _parts(word):
                if part.casefold() not in asking and (of_part := _part_terms(part, language)):
                    found[of_part] = None


def _spaced(text: str, language: str, found: list[str]) -> None:
    for word in _WORD.findall(text):
        found.extend(_word_terms(word, language))


def _unspaced(run: str, found: list[str], *, single: bool) -> None:
    if single or len(run) == 1:
        found.extend(run)
    found.extend(run[i : i + 2] for i in range(len(run) - 1))


@lru_cache(maxsize=200_000)
def _word_terms(word: str, language: str) -> tuple[str, ...]:
    folded = word.casefold()
    if not _SIGN.search(folded):
        return _part_terms(word, language)
    if _THOUSANDS.fullmatch(folded):
        return (_SIGN.sub("", folded),)
    if _DECIMAL.fullmatch(folded):
        return (folded.replace(",", "."),)
    whole = (folded,) if any(c.isdigit() for c in folded) else ()
    return (*whole, *(term for part in _parts(word) for term in _part_terms(part, language)))


def _parts(word: str) -> list[str]:
    parts = _PART.findall(word)
    return parts[:-1] if "'" in word and parts[-1].casefold() in _ENDINGS else parts


def _part_terms(part: str, language: str) -> tuple[str, ...]:
    """The stem; for a word with a capital also its form, which is what a name shares with other languages."""
    folded = part.casefold()
    if folded in GRAMMAR.get(language, GRAMMAR["en"] if language == UNDETERMINED else ()):
        return ()
    stem = _stem(folded, language)
    is_name = stem != folded and part[0].isupper() and folded not in ASKING.get(language, ())
    return (stem, folded) if is_name else (stem,)


def _stem(word: str, language: str) -> str:
    if any(c.isdigit() for c in word):
        return word
    if "\u0600" <= word[0] <= "\u06ff":
        word = _ARABIC_MARKS.sub("", word).translate(_ARABIC_FOLD) or word
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


@lru_cache(maxsize=32)
def _stemmer(language: str) -> Any:
    name = _STEMMERS.get(language if language != UNDETERMINED else "en")
    return snowballstemmer.stemmer(name) if name else None
