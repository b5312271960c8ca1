"""May a reader see a sentence of a model, and with which marker?

Models forget markers, name the wrong passage, repeat themselves, echo the question and the frame they were shown, and
invent. None of that is shown and taken back: what no passage carries is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.events import Support
from core.text import language, sentences, terms
from core.types import Candidate
from graph import grounding
from graph.citations import CitationBook, plain
from graph.fence import without_orders
from graph.grounding import Check
from graph.loops import is_stuck

NO_ANSWER = "NO_ANSWER"
"""What the prompt tells a model to say when the passages do not hold the answer."""
NOT_COVERED = "NOT_COVERED"
"""How it begins the line that names what they leave open."""
FENCE = "passages"
"""Every fence around passages begins with it."""

_FENCE = re.compile(rf"(?:\bend\s+)?`?\b{FENCE}-[0-9a-f]+`?", re.IGNORECASE)
_GAP = re.compile(rf"\W*{NOT_COVERED}\W*(.*)", re.DOTALL)
_WORD = re.compile(r"\w+")
_BARE_ANSWERS = frozenset(
    ("yes", "no", "none", "ja", "nein", "oui", "non", "sí", "si", "não", "sim", "nej", "nee", "tak", "nie", "да", "нет")
)
_RULE = re.compile(r"\|?[\s:|-]+\||```\w*")
"""What Markdown needs around tables and code."""
_LISTED = re.compile(r"^\s*(?:[-*•–>]|\d{1,3}[.)])\s+")
_ASKS_WHAT = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|until|was|welche\w*|wer|wen|wem|wessen|wann|wo|woher|wohin|warum|"
    r"wie\w*|quel\w*|que|qui|quand|où|pourquoi|comment|combien|qué|cuál\w*|quién\w*|cuándo|dónde|cómo|cuánt\w*)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^\W*(?:(?:the |final |short |correct )*answer(?: to [^:.]{0,80})?(?: is)?|die antwort(?: lautet| ist)?|antwort|"
    r"la réponse(?: est)?|réponse|la respuesta(?: es)?|respuesta)\s*[:：]?[*_]*\s+",
    re.IGNORECASE,
)
"""Words with which models begin instead of answering."""
_CHOICE = re.compile(r"\b(?:or|oder|ou|o)\b", re.IGNORECASE)
_END = re.compile(r"\s*(?:\||[.!?…。！？]*[\"'”’»)\]*_]*)\s*$")
"""What a marker is put before."""


CARRIED = 0.8
"""Share of the terms of a sentence without a marker that a passage has in one place."""
WHOLE = 4
"""Terms from which on a sentence without a marker need name only one thing asked for; any passage has “24 hours”."""
NAMED = 2
"""Terms of the question that a shorter one has."""
VARIED, LONG = 0.6, 6
"""Share of different terms among those of a long sentence that does not turn in itself."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A sentence as it may be shown, with markers by the numbers of the evidence."""

    text: str
    check: Check


class Admission:
    """Judges the sentences of one answer in their order.

    Attributes:
        declined: Whether the model said somewhere that the passages do not hold the answer.
        gaps: Parts of the question that it said they leave open.
    """

    def __init__(self, evidence: Sequence[Candidate], question: str) -> None:
        self._evidence = evidence
        self._question = question
        self._book = CitationBook(evidence)
        self._passages = [f"{c.chunk.context}\n{without_orders(c.chunk.content)}" for c in evidence]
        self._titles = {_key(c.chunk.context or c.chunk.filename) for c in evidence}
        self._said = {_key(question)}
        self.declined = False
        self.gaps: list[str] = []

    def admit(self, raw: str) -> Admitted | None:
        """The sentence as it may be shown; None for what is held back."""
        text = self._book.known_only(_FENCE.sub("", raw))
        bare = plain(text).strip()
        if self._says_there_is_none(bare) or self._is_frame(bare) or is_stuck(bare) or _turns(bare):
            return None
        if self._is_repeated(bare):
            return None
        if _RULE.fullmatch(bare) or _key(bare) in _BARE_ANSWERS:
            return Admitted(text, Check(Support.NOT_A_CLAIM, 0.0))
        if _is_furniture(bare):
            return self._furniture(plain(text), bare)
        return None if self._adds_nothing(bare) else self._claim(text, bare)

    def _says_there_is_none(self, bare: str) -> bool:
        if gap := _GAP.match(bare):
            self._note_gap(" ".join(gap[1].split()))
            return True
        self.declined = self.declined or NO_ANSWER in bare
        return NO_ANSWER in bare

    def _is_frame(self, bare: str) -> bool:
        """Whether it says nothing, asks, or is the title under which the model was shown a passage."""
        key = _key(bare)
        if bare.rstrip('*_"”» ').endswith(("?", "？")):
            return True
        if not key:
            return not _RULE.fullmatch(bare)
        return bare.startswith("(") and bare.endswith(")") and key in self._titles

    def _note_gap(self, part: str) -> None:
        """Kept when it is in the words of the question: a gap is no place for inventions."""
        if part and part not in self.gaps and grounding.check(part, [self._question]).support is Support.SUPPORTED:
            self.gaps.append(part)

    def _is_repeated(self, bare: str) -> bool:
        key = _key(bare)
        repeated = bool(key) and key in self._said and key not in _BARE_ANSWERS
        self._said.add(key)
        return repeated

    def _furniture(self, text: str, bare: str) -> Admitted | None:
        known = grounding.check(bare, [*self._passages, self._question])
        return Admitted(text, Check(Support.NOT_A_CLAIM, 0.0)) if known.support is Support.SUPPORTED else None

    def _adds_nothing(self, bare: str) -> bool:
        """Whether all that the passages have of it stands in the question, which asks for something else."""
        if not _ASKS_WHAT.search(self._question) or _CHOICE.search(self._question):
            return False
        code = language.detect(bare)
        said, asked = terms.terms(bare, code), terms.terms(self._question, code)
        # A number may be the answer and stand in the question for something else.
        new = {term for term in said if term not in asked or (term.isdigit() and said.count(term) > asked.count(term))}
        if self._is_foreign(bare, self._passages):
            return not new
        return bool(self._passages) and not new & set(terms.terms("\n".join(self._passages), code))

    def _claim(self, text: str, bare: str) -> Admitted | None:
        cited = self._book.passages(text)
        check = grounding.check(bare, cited)
        if check.support is not Support.UNSUPPORTED:
            return Admitted(text, check)
        said = _LEAD.sub("", plain(text).strip())
        if self._says_of_what(said) and (carrier := self._carrier(said)):
            number, check = carrier
            return Admitted(_marked(_LEAD.sub(" ", plain(text)), number), check)
        return Admitted(text, check) if cited and self._is_translated(bare, cited) else None

    def _says_of_what(self, said: str) -> bool:
        """Whether it says enough by itself to stand as an answer to the question."""
        code = language.detect(said)
        own = set(terms.terms(said, code))
        shared = len(own & set(terms.terms(self._question, code)))
        return shared >= NAMED or (shared >= 1 and len(own) >= WHOLE)

    def _carrier(self, said: str) -> tuple[int, Check] | None:
        """The passage that carries a sentence best in one place, the first of equals, by its number."""
        found = [(number, check) for number, check in self._checks(said) if check.score >= CARRIED]
        return max(found, key=lambda one: (one[1].score, -one[0]), default=None)

    def _checks(self, said: str) -> Iterator[tuple[int, Check]]:
        for number, passage in enumerate(self._passages, start=1):
            if grounding.check(said, [passage]).support is Support.SUPPORTED:
                chunk = self._evidence[number - 1].chunk
                places = [
                    grounding.check(said, [chunk.context, place]) for place in _places(without_orders(chunk.content))
                ]
                held = [check for check in places if check.support is Support.SUPPORTED]
                yield from ((number, check) for check in held)

    def _is_translated(self, bare: str, cited: Sequence[str]) -> bool:
        """Whether words cannot tell what the passages say of it, and numbers agree."""
        return self._is_foreign(bare, cited) and grounding.agree(bare, "\n".join(cited))

    def _is_foreign(self, bare: str, passages: Sequence[str]) -> bool:
        """Whether it is in the language of the question, and no passage is."""
        spoken = language.detect(bare)
        return spoken == language.detect(self._question) and spoken not in map(language.detect, passages)


def _key(sentence: str) -> str:
    """What two sentences share that say the same, whatever their place in a list."""
    return " ".join(_WORD.findall(_LISTED.sub("", plain(sentence)).casefold()))


def _is_furniture(bare: str) -> bool:
    """A heading, or the words that lead to a list."""
    words = bare.rstrip("*_ ")
    return bare.startswith("#") or words.endswith(":") or (words != bare.strip() and words[-1].isalnum())


def _turns(bare: str) -> bool:
    """Whether a sentence says the same words again and again; rows of a table may, and hours of opening."""
    found = [term for term in terms.terms(bare, language.detect(bare)) if not any(map(str.isdigit, term))]
    return len(found) >= LONG and len(set(found)) < VARIED * len(found) and not bare.startswith(sentences.ROW)


def _places(passage: str) -> list[str]:
    """Each sentence, and each row under the names of its columns."""
    found = [passage[start:end] for start, end in sentences.split(passage)]
    columns = next((line for line in found if line.startswith(sentences.ROW)), "")
    return [f"{columns}\n{place}" if place.startswith(sentences.ROW) else place for place in found] or [passage]


def _marked(sentence: str, number: int) -> str:
    end = _END.search(sentence)
    place = end.start() if end else len(sentence)
    return f"{sentence[:place]} [{number}]{sentence[place:]}"
