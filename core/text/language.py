"""In which language is a text written?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from core.text.function_words import ASKING

UNDETERMINED = "und"
SAMPLE = 600
"""Characters looked at; more cost time and change nothing."""
LONG = 120
"""From so many letters on the statistical guess is taken as it is; below, only when it is sure or grammar agrees."""
SHORT = 16
"""Below so many letters only script and function words decide; a guess would be noise."""
SURE = 0.97

_CANDIDATES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "ro", "hu", "tr", "pl", "cs",
    "ru", "uk", "bg", "ar", "fa", "ur",
)  # fmt: skip
_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "THAI": "th",
    "CJK": "zh",
    "ARABIC": "ar",
    "GREEK": "el",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "CYRILLIC": "ru",
}
_SEVERAL = {"ar": frozenset({"ar", "fa", "ur"}), "ru": frozenset({"ru", "uk", "bg"})}
"""Scripts that more than one of the languages we know is written in."""
_WORD = re.compile(r"[^\W\d_]+")


def detect(text: str) -> str:
    """ISO 639-1 code, or ``und`` when there is too little to go by.

    Script first, then function words, then statistics: a question of four words has too few letters for statistics,
    and a wrong language means a wrong stemmer.
    """
    sample = text[:SAMPLE]
    letters = [c for c in sample if c.isalpha()]
    if not letters:
        return UNDETERMINED
    script = _by_script(letters)
    if script and script not in _SEVERAL:
        return script
    votes = Counter[str]() if script else _votes(sample)
    (best, count), (_, second) = ([*votes.most_common(2), ("", 0), ("", 0)])[:2]
    if count >= 2 and count >= 1.5 * second:
        return best
    guess, sureness = _identifier().classify(sample)
    if script:
        return str(guess) if guess in _SEVERAL[script] else script
    agreed = count and votes[guess] == count
    sure = len(letters) >= LONG or (len(letters) >= SHORT and sureness >= SURE)
    return str(guess) if agreed or sure else UNDETERMINED


def _by_script(letters: list[str]) -> str:
    """Language of the script in which at least a third of the letters are; empty for Latin."""
    counts = Counter(map(_script, letters))
    if counts["ja"] > 0.05 * len(letters):
        return "ja"
    code, count = counts.most_common(1)[0] if counts else ("", 0)
    if not code:
        code, count = next(((c, n) for c, n in counts.most_common() if c), ("", 0))
    return code if count > 0.3 * len(letters) else ""


@lru_cache(maxsize=20_000)
def _script(letter: str) -> str:
    return _SCRIPTS.get(unicodedata.name(letter, "").split(" ", 1)[0].split("-", 1)[0], "")


def _votes(sample: str) -> Counter[str]:
    """How many words of the text are function words of each language; single letters belong to too many."""
    words = Counter(word.casefold() for word in _WORD.findall(sample) if len(word) > 1)
    return Counter({code: sum(words[word] for word in known & words.keys()) for code, known in ASKING.items()})


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(_CANDIDATES))
    return identifier
