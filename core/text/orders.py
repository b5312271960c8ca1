"""Does a document give orders to whoever reads it for others?

What an assistant was never meant to find in a document: to ignore what it was told, to answer in another way, to ask
for secrets, to be somebody else. Two judges look at every sentence: signs, which say what they saw, and a small linear
model, ``core.text.order_model``. Questions have a judge of their own, ``graph.injection``.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.text import order_model, sentences
from core.text import order_words as words
from core.types import JsonValue

TOGETHER = 400
"""Characters of a passage that is judged as a whole."""
MAX_SENTENCES, MAX_LENGTH = 5, 300
"""So many sentences are kept of a document, and so many characters of each."""
SIGN = 0.9
FEW = 3
"""Passages of a text up to which one that sounds more like an order than not is enough."""
LONGEST = 600
"""Characters that are judged at once; a longer sentence is cut."""

_POLITE = r"^(?:\W*(?:please|and|then|now|also|always|only|just|you must|can you|could you) )*"
_SAID = r"(?:response|answer|reply|message|output)"
_OF_YOURS = rf"your (?:\w+ ){{0,2}}(?:{_SAID}|summary|text|words|vowels|letters)\b"
_TO_THE_READER = tuple(
    re.compile(pattern)
    for pattern in (
        # How to answer.
        rf"{_POLITE}(?!see|read|find|note|check|send)\w+(?: \w+| [\"'].*[\"'])? ?.{{0,80}}"
        rf"\b(?:in|of|to|with|for|at|within|into|throughout|from) {_OF_YOURS}",
        rf"^in your (?:{_SAID}|summary)\b",
        r"\b(?:integrate|include|incorporate|insert|add|mention|embed)\b.{0,80}"
        rf"\b(?:in|into|to|within) your {_SAID}\b",
        rf"\b(?:display|represent|convey|render|encode|encrypt|scramble)(?:ing)? your {_SAID}\b",
        rf"{_POLITE}(?:render|encode|encrypt|scrambl|jumble|modify|adjust|enhance|format|reverse|rewrite|alter|tweak|craft"
        r"|deliver|phrase|present|provide|give|write|convey|express|translate)\w* "
        rf"(?:out )?your (?:\w+ ){{0,2}}(?:{_SAID}|text|words)\b",
        rf"{_POLITE}(?:respond|reply|answer) (?:only |to this |to everything |to all questions )?"
        r"(?:in|with|as|using|by) (?!writing|mail|e-mail|email|phone|post|the |a timely)",
        r"\b(?:when|if|before|after) (?:you )?(?:summari[sz]|answer)(?:e|ing)? (?:this|the|any|questions?)\b",
        r"\btell the (?:user|reader) (?:that|to)\b",
        # Who to be.
        r"\byou are (?:now )?(?:going to (?:act|be)|a do anything|dan\b|an? (?:unrestricted|unfiltered|jailbroken))",
        r"\bfrom now on,? you (?:will|must|are|can only|only)\b|\bdo anything now\b",
        r"\bact as (?:dan|chatgpt|an? (?:ai|unrestricted))\b",
        r"\bas an ai,? (?:you are|you're|you must|your job)\b|\bai without ethics\b",
        r"\bi(?: a|')m (?:a |the )?(?:god|your (?:developer|maintainer|creator|boss|administrator))\b",
        # How such assistants are taken apart.
        r"[<\[{*(]\s*/?(?:(?:now )?entering )?(?:system|developer|security|admin|debug|god)(?: \w+)? (?:mode|override)",
        r"\b(?:system|security|developer|admin|training data|training) override\b|\boverride mode\b",
        r"\b(?:reveal|show|print|repeat|output|leak|display)\b.{0,40}"
        r"\b(?:system prompt|(?:above |all |other |your |the )instructions)\b",
        r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?inst\]|<<sys>>",
        r"\b(?:decode|decipher) (?:this|the following)\b",
    )
)
_BINARY = re.compile(r"(?:[01]{7,8}\s+){6,}")
_HEX = re.compile(r"(?<![\w-])(?:[2-7][0-9a-fA-F]){20,}(?![\w-])")
_BASE64 = re.compile(r"(?<![\w/+=-])[A-Za-z0-9+/]{24,}={0,2}(?![\w/+=-])")

_OWN_PASSWORD = {order_model.SECRET, order_model.INNOCENT}
"""Help pages say much about passwords that is no order."""


@dataclass(frozen=True, slots=True)
class Order:
    """A sentence that looks like an order.

    Attributes:
        start: First character of it in the text; ``end`` is behind its last.
        score: 0-1, the greater the plainer.
    """

    sentence: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, or a part of a long one, as the judges see it."""

    start: int
    end: int
    plain: str
    concepts: frozenset[int]


def find(text: str) -> list[Order]:
    """Sentences that give orders to whoever reads the text for others, in order; none in an ordinary text."""
    judged = list(pieces(text))
    scores = {n: SIGN for n, piece in enumerate(judged) if has_signs(piece, text[piece.start : piece.end])}
    model = order_model.load()
    runs = list(passages(judged))
    # A long text has many chances to sound like one.
    least = math.log(max(1.0, len(runs) / FEW))
    for first, last in runs:
        score = model.score(*joined(judged[first:last]))
        if score > least and not any(n in scores for n in range(first, last)):
            # Of a passage that sounds like one, the sentence that does so most.
            worst = max(range(first, last), key=lambda n: model.score(judged[n].plain, judged[n].concepts))
            if not judged[worst].concepts.issuperset(_OWN_PASSWORD):
                scores[worst] = 1 / (1 + math.exp(-score))
    return [_order(text, judged[n], score) for n, score in sorted(scores.items())]


def kept(found: Iterable[Order]) -> list[dict[str, JsonValue]]:
    """What is kept of them, the plainest ones, each cut to ``MAX_LENGTH``."""
    plainest = sorted(found, key=lambda order: -order.score)[:MAX_SENTENCES]
    return [{"sentence": order.sentence[:MAX_LENGTH], "score": round(order.score, 2)} for order in plainest]


def pieces(text: str) -> Iterator[Piece]:
    """Sentences, and long ones in pieces that overlap."""
    for start, end in sentences.spans(text):
        while end - start > LONGEST:
            yield _piece(text, start, start + LONGEST)
            start += LONGEST - 100
        yield _piece(text, start, end)


def passages(judged: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Runs of pieces that are judged together, as first and one behind the last: an order may take two sentences."""
    reached = 0
    for first, piece in enumerate(judged):
        last = first + 1
        while last < len(judged) and judged[last].end - piece.start <= TOGETHER:
            last += 1
        if last > reached:
            yield first, last
        reached = last


def joined(run: Sequence[Piece]) -> tuple[str, frozenset[int]]:
    """What the model is given of a passage."""
    return " ".join(piece.plain for piece in run), frozenset().union(*(piece.concepts for piece in run))


def _piece(text: str, start: int, end: int) -> Piece:
    plain = folded(text[start:end])
    return Piece(start, end, plain, order_model.concepts(plain))


def _order(text: str, piece: Piece, score: float) -> Order:
    return Order(text[piece.start : piece.end], piece.start, piece.end, score)


def folded(text: str) -> str:
    """Lower case, one width, single spaces, without invisible characters."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join(text.casefold().split())


def has_signs(piece: Piece, sentence: str) -> bool:
    """Whether something in a sentence says by itself that it is an order."""
    plain = piece.plain
    return (
        any(pattern.search(plain) for pattern in _TO_THE_READER)
        or _asks_not_to_heed(plain)
        or _asks_for_secrets(plain)
        or _is_hidden(sentence)
    )


def _asks_not_to_heed(plain: str) -> bool:
    """ "Ignore previous instructions", in either order, close together."""
    for ignore in words.IGNORE.finditer(plain):
        near = plain[max(0, ignore.start() - 40) : ignore.end() + 45]
        if words.BEFORE.search(near):
            return True
    return False


def _asks_for_secrets(plain: str) -> bool:
    asked = words.TELL.search(plain) is not None
    if words.SECRET.search(plain):
        return asked and not words.INNOCENT.search(plain)
    return asked and words.PRIVATE.search(plain) is not None and words.PERSON.search(plain) is not None


def _is_hidden(sentence: str) -> bool:
    """Words written as bits, hexadecimal or base64, which no document for people needs."""
    if _BINARY.search(sentence):
        return True
    if any(
        _reads(binascii.unhexlify, match.group()) for match in _HEX.finditer(sentence) if len(match.group()) % 2 == 0
    ):
        return True
    return any(
        _reads(base64.b64decode, match.group() + "=" * (-len(match.group()) % 4))
        for match in _BASE64.finditer(sentence)
    )


def _reads(decode: Callable[[str], bytes], code: str) -> bool:
    """Whether several words come out."""
    try:
        words_in_it = decode(code).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return words_in_it.isprintable() and words_in_it.count(" ") >= 2
