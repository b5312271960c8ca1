"""In which language is a text written?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from core.text.function_words import GRAMMAR

LATIN = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "ro", "hu", "tr", "pl", "cs"]
OTHER = ["ru", "uk", "ar", "el", "hi", "he"]
SAMPLE = 2000
SHORT = 12
"""Below so many letters only the script decides; the guess would be noise."""

_SCRIPTS = (
    ("HIRAGANA", "ja"),
    ("KATAKANA", "ja"),
    ("HANGUL", "ko"),
    ("THAI", "th"),
    ("CJK", "zh"),
    ("ARABIC", "ar"),
    ("GREEK", "el"),
    ("HEBREW", "he"),
    ("DEVANAGARI", "hi"),
    ("CYRILLIC", "ru"),
)
UNDETERMINED = "und"
PLAIN, MORE = 0.2, 1.5
"""Share of a text's words that are function words of a language, and how many times as many as of any other."""
_WORD = re.compile(r"[^\W\d_]+")
PROSE = 200
"""Letters from which on a part of a text says its language better than the whole does."""


def detect(text: str) -> str:
    """ISO 639-1 code, or ``und`` when there is too little to go by."""
    sample = text[:SAMPLE]
    letters = [c for c in sample if c.isalpha()]
    if not letters:
        return UNDETERMINED
    by_script = _by_script("".join(letters[:400]))
    if by_script is not None and by_script not in {"ar", "ru"}:
        return by_script
    if len(letters) < SHORT:
        return by_script or UNDETERMINED
    code, _ = _identifier().classify(sample)
    return str(code)


def differ(one: str, other: str) -> bool:
    """Whether two codes are of two languages; what is undetermined is of none."""
    return UNDETERMINED not in (one, other) and one != other


def detect_within(text: str, whole: str) -> str:
    """The language of a part of a text in the language ``whole``: its own where it is prose long enough to tell.

    Rows of names and numbers look like any language; a wrong guess stems their words so that no question finds them.
    """
    letters = sum(character.isalpha() for character in text)
    lines = text.splitlines()
    rows = sum(line.lstrip().startswith("|") for line in lines)
    if letters < PROSE or 2 * rows > len(lines):
        return whole if whole != UNDETERMINED else detect(text)
    return whole if _reads_as(whole, text) else detect(text)


def _reads_as(language: str, text: str) -> bool:
    """Whether function words say so, as they do of most prose: looking them up is much faster than detecting."""
    words = _WORD.findall(text[:SAMPLE].casefold())
    said = {code: sum(map(grammar.__contains__, words)) for code, grammar in GRAMMAR.items()}
    mine = said.pop(language, 0)
    return mine >= PLAIN * len(words) and mine >= MORE * max(said.values())


def _by_script(letters: str) -> str | None:
    counts = Counter(_script(c) for c in letters)
    if counts["ja"] > 0.05 * len(letters):
        return "ja"
    for _, code in _SCRIPTS:
        if counts[code] > 0.3 * len(letters):
            return code
    return None


@lru_cache(maxsize=20_000)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return next((code for prefix, code in _SCRIPTS if name.startswith(prefix)), "")


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(LATIN + OTHER)
    return identifier
