"""What does somebody want who asks nothing of a passage: a greeting, a summary, a comparison, a list, a number of rows?

Told by the words alone, in English and German; whatever fits no rule is a question. Whether a table has the rows that
a list or a count asks for is decided later, by who has read the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class RequestKind(StrEnum):
    """What is wanted."""

    QUESTION = "question"
    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    ABILITIES = "abilities"
    SUMMARY = "summary"
    COMPARISON = "comparison"
    LIST = "list"
    COUNT = "count"


SMALL_TALK = frozenset(
    {RequestKind.GREETING, RequestKind.THANKS, RequestKind.FAREWELL, RequestKind.ABILITIES},
)
"""What is answered without looking for passages."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted, and of what.

    Attributes:
        subjects: The document of a summary, the two sides of a comparison, the things of a list or count; as said.
        named: Whether the words call for a document, or for all of something, and not merely allow it.
        german: Whether it was said in German; only where that decides the words of a reply.
    """

    kind: RequestKind
    subjects: tuple[str, ...] = ()
    named: bool = True
    german: bool = False


MAX_LETTERS = 300
"""What is longer is a question, whatever it begins with; and no rule has to read more."""

_HELLO_EN = r"hello|hi|hey|hiya|howdy|greetings|good (?:morning|day|afternoon|evening)"
_HELLO_DE = r"hallo|hallöchen|servus|moin(?: moin)?|grüezi|grüß (?:gott|dich|euch|sie)|guten (?:morgen|tag|abend)"
_WHOM = (
    r"(?: (?:there|all|everyone|everybody|team|again|bot|assistant|(?:knowledge )?foundry|zusammen|nochmal|du|ihr))*"
)
_HOW_EN = r"how (?:are you|is it going|s it going|do you do)(?: doing)?(?: today)?"
_HOW_DE = r"wie geht(?: s| es)(?: dir| ihnen| euch)?(?: heute)?"
_WELL_EN = r"(?:ok|okay|great|perfect|cool|nice|good|got it|wonderful|excellent|that helps|that helped)"
_WELL_DE = r"(?:ok|okay|super|prima|perfekt|alles klar|verstanden|gut|toll|das hilft(?: mir)?)"
_THANKS_EN = (
    r"(?:thanks|thank you|thx|cheers|many thanks)(?: (?:a lot|so much|very much|again|everyone|all|for (?:that|"
    r"(?:your|the) (?:help|answer))))*"
)
_THANKS_DE = (
    r"(?:danke(?:schön)?|vielen dank|besten dank|herzlichen dank)(?: (?:schön|sehr|dir|ihnen|nochmals?|"
    r"für (?:die|deine|ihre) (?:hilfe|antwort)))*"
)
_DOCUMENTS_EN = r"(?:documents|files|sources)"
_DOCUMENTS_DE = r"(?:dokumente|dateien|unterlagen|quellen)"
_REPLIES = tuple(
    (kind, german, re.compile(pattern))
    for kind, german, pattern in (
        (RequestKind.GREETING, False, rf"(?:(?:{_HELLO_EN}){_WHOM})(?: {_HOW_EN})?|{_HOW_EN}"),
        (RequestKind.GREETING, True, rf"(?:(?:{_HELLO_DE}){_WHOM})(?: {_HOW_DE})?|{_HOW_DE}"),
        (RequestKind.THANKS, False, rf"(?:{_WELL_EN} )*{_THANKS_EN}(?: {_WELL_EN})*|(?:{_WELL_EN} )*{_WELL_EN}"),
        (RequestKind.THANKS, True, rf"(?:{_WELL_DE} )*{_THANKS_DE}(?: {_WELL_DE})*|(?:{_WELL_DE} )*{_WELL_DE}"),
        (RequestKind.FAREWELL, False, r"(?:good ?bye|bye(?: bye)?|see you(?: later| soon| tomorrow)?|good night)"),
        (RequestKind.FAREWELL, True, r"(?:tschüss|tschüß|auf wiedersehen|bis (?:bald|morgen|dann|später)|gute nacht)"),
        (
            RequestKind.ABILITIES,
            False,
            rf"what (?:can|do) you (?:do|know|answer)(?: for (?:me|us))?|(?:what|how) can i ask(?: you)?(?: here)?|"
            rf"what can i do here|how can you help(?: me| us)?|(?:who|what) are you|how does this work|help(?: me)?|"
            rf"(?:what|which|how many) {_DOCUMENTS_EN} (?:do you (?:have|know)|are (?:there|here)|can (?:you|i) "
            rf"(?:read|see|search))",
        ),
        (
            RequestKind.ABILITIES,
            True,
            rf"was (?:kannst du|können sie)(?: (?:alles|für mich tun|tun|beantworten))?|was weißt du|"
            rf"was kann ich (?:dich |sie |hier |dich hier |sie hier )?fragen|wer bist du|wer sind sie|hilfe|"
            rf"wie funktioniert (?:das|dies)(?: hier)?|(?:welche|wie viele) {_DOCUMENTS_DE} "
            rf"(?:hast du|haben sie|gibt es(?: hier)?|kennst du|kennen sie)",
        ),
    )
)
_NEVER_ASKED = frozenset({RequestKind.THANKS, RequestKind.FAREWELL})
_WORD = re.compile(r"[^\W_]+")

_FOREWORD = re.compile(
    rf"(?:(?:{_HELLO_EN}|{_HELLO_DE})(?: (?:there|all|zusammen))?[ ,!.:–-]+)?"
    r"(?:(?:please|kindly|bitte|(?:can|could|would|will) you|i(?:'d| would) like you to|i (?:want|need) you to|"
    r"(?:kannst|könntest|würdest) du|(?:können|könnten|würden) sie)(?:,? (?:please|bitte|mir|uns|me))*[ ,]+)*",
    re.I,
)
_SEVERAL = re.compile(r"[?!;]\s+\w|(?<!vs)\.\s+[A-ZÄÖÜ]")
"""More than one sentence."""
_AFTERWORD = re.compile(
    r"(?:[\s,]+(?:please|bitte|for (?:me|us)|briefly|in (?:short|brief)|kurz|für mich|"
    r"in (?:a few|\w+) (?:sentences?|words|lines)|in (?:wenigen|\w+) (?:sätzen|worten)))+$",
    re.I,
)
_ARTICLE = re.compile(
    r"(?:the|an?|our|your|my|this|that|these|those|de[nmrs]|die|das|eine[nmrs]?|ein|unser(?:e[nmrs]?)?|"
    r"mein(?:e[nmrs]?)?|diese[nmrs]?)\s+",
    re.I,
)
_KIND_OF_TEXT = r"(?:summary|overview|outline|synopsis)"
_KIND_OF_TEXT_DE = r"(?:zusammenfassung|überblick|übersicht|gliederung)"
_SUMMARIES = tuple(
    (named, re.compile(pattern, re.I))
    for named, pattern in (
        (True, r"(?:summari[sz]e|sum up|outline|tl;?dr:?)\s+(?:me\s+)?(?P<a>.+)"),
        (
            True,
            r"(?:(?:give|show|write|make)\s+(?:me|us)?\s*|i (?:want|need)\s+|what is\s+)?(?:an?\s+|the\s+)?(?:\w+\s+)?"
            rf"{_KIND_OF_TEXT}\s+(?:of|for)\s+(?P<a>.+)",
        ),
        (False, r"what(?: is|'s)\s+(?P<a>.+?)\s+about"),
        (True, r"fasse?(?:n sie)?\s+(?:mir\s+)?(?P<a>.+?)\s+zusammen(?:fassen)?"),
        (True, r"(?P<a>.+?)\s+(?:kurz\s+)?zusammenfassen"),
        (
            True,
            r"(?:(?:gib|geben sie|zeige?|schreibe?)\s+(?:mir|uns)?\s*)?(?:eine[nr]?\s+|die\s+)?(?:kurzen?\s+)?"
            rf"{_KIND_OF_TEXT_DE}\s+(?:von|über|für|zu[rm]?|de[rs])\s+(?P<a>.+)",
        ),
        (False, r"worum geht es in\s+(?P<a>.+)"),
    )
)
_COMPARISONS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"compare\s+(?P<a>.+?)\s+(?:and|with|to|against|versus|vs\.?)\s+(?P<b>.+)",
        r"(?:(?:what (?:is|are)|what's|show|explain|list|tell me|name|give me)\s+)?(?:all\s+)?(?:the\s+)?(?:main\s+)?"
        r"differences?\s+between\s+(?P<a>.+?)\s+and\s+(?P<b>.+)",
        r"(?:a |the )?comparison\s+(?:of|between)\s+(?P<a>.+?)\s+(?:and|with|to)\s+(?P<b>.+)",
        r"how do(?:es)?\s+(?P<a>.+?)\s+(?:differ from|compare (?:to|with))\s+(?P<b>.+)",
        r"(?P<a>.{2,80}?)\s+(?:vs\.?|versus)\s+(?P<b>.{2,80})",
        r"vergleiche?(?:n sie)?\s+(?:mir\s+)?(?P<a>.+?)\s+(?:und|mit)\s+(?P<b>.+)",
        r"(?:(?:was (?:ist|sind)|worin (?:liegt|besteht|liegen|bestehen)|welche|zeige?|nenne?)\s+)?(?:alle\s+)?"
        r"(?:der\s+|die\s+|den\s+)?unterschiede?\s+(?:gibt es\s+)?zwischen\s+(?P<a>.+?)\s+und\s+(?P<b>.+)",
        r"(?P<a>.{2,80}?)\s+im vergleich\s+(?:zu[mr]?|mit)\s+(?P<b>.{2,80})",
    )
)
_ALL = r"(?:all(?: of)?(?: the)?|every|each|alle[nr]?|sämtliche[nr]?|jede[nrs]?)"
_VERB = (
    r"(?:'s|is|are|was|were|does|do|did|has|have|had|can|could|will|would|should|shall|must|may|might|"
    r"ist|sind|war|waren|hat|haben|kann|können|muss|müssen|soll|sollen|darf|dürfen|wird|werden)\b"
)
_LISTS = tuple(
    (named, re.compile(pattern, re.I))
    for named, pattern in (
        # A list price is a price.
        (True, rf"(?:list|enumerate)\s+(?!prices?\b|of\b)(?:me\s+|us\s+|out\s+)?(?:{_ALL}\s+)?(?P<a>.+)"),
        (True, rf"(?:show|name|give|find|get|tell|print)\s+(?:me\s+|us\s+)?{_ALL}\s+(?P<a>.+)"),
        (True, r"(?:(?:show|give|make)\s+(?:me|us)?\s*)?(?:an?\s+)?(?:\w+\s+)?list of\s+(?:all\s+)?(?P<a>.+)"),
        (True, rf"{_ALL}\s+(?P<a>.+)"),
        (False, rf"(?:what|which)\s+(?!{_VERB})(?P<a>.+)"),
        (True, rf"(?:liste|listen sie|zähle?n?(?: sie)?)\s+(?:mir\s+|uns\s+)?(?:{_ALL}\s+)?(?P<a>.+?)(?:\s+auf)?"),
        (True, rf"(?:zeige?n?|nenne?n?|gib|geben|finde?n?|gebe)(?: sie)?\s+(?:mir\s+|uns\s+)?{_ALL}\s+(?P<a>.+)"),
        (True, r"(?:eine\s+)?liste\s+(?:aller|der|von)\s+(?P<a>.+)"),
        (False, rf"welche\s+(?!{_VERB})(?P<a>.+)"),
    )
)
_COUNTS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"(?:tell me\s+)?how many\s+(?P<a>.+)",
        r"count\s+(?:all\s+)?(?:the\s+)?(?P<a>.+)",
        r"(?:what is\s+)?(?:the\s+)?(?:total\s+)?number of\s+(?P<a>.+)",
        r"wie ?viele\s+(?P<a>.+)",
        r"(?:(?:was|wie hoch|wie groß) ist\s+)?(?:die\s+)?(?:gesamt)?(?:an)?zahl\s+(?:der|aller|von)\s+(?P<a>.+)",
        r"zähle?(?: sie)?\s+(?:alle\s+)?(?P<a>.+)",
    )
)


def kind_of(question: str) -> Request:
    """What somebody wants; a question where no rule fits."""
    text = " ".join(question[: MAX_LETTERS + 1].split())
    if not text or len(question.strip()) > MAX_LETTERS:
        return Request(RequestKind.QUESTION)
    return _reply(text) or _task(text) or Request(RequestKind.QUESTION)


def _reply(text: str) -> Request | None:
    """What is answered in a sentence of our own. A whole message only: what follows a greeting is what is wanted."""
    said = " ".join(_WORD.findall(text.casefold()))
    bare = said.removesuffix(" please").removesuffix(" bitte")
    for kind, german, pattern in _REPLIES:
        if "?" in text and kind in _NEVER_ASKED:
            continue
        if pattern.fullmatch(bare) or (kind is RequestKind.ABILITIES and pattern.fullmatch(_after_greeting(bare))):
            return Request(kind, german=german)
    return None


_GREETED = re.compile(rf"(?:{_HELLO_EN}|{_HELLO_DE}){_WHOM} ")


def _after_greeting(said: str) -> str:
    greeting = _GREETED.match(said)
    return said[greeting.end() :] if greeting else said


def _task(text: str) -> Request | None:
    foreword = _FOREWORD.match(text)
    text = text[foreword.end() :] if foreword else text
    text = _AFTERWORD.sub("", text.strip(" .?!…,:;"))
    if not text or _SEVERAL.search(text):
        return None
    for pattern in _COMPARISONS:
        if (found := pattern.fullmatch(text)) and all(sides := (_bare(found["a"]), _bare(found["b"]))):
            return Request(RequestKind.COMPARISON, (sides[0], _whole(sides)))
    for named, pattern in _SUMMARIES:
        if (found := pattern.fullmatch(text)) and (subject := _bare(found["a"])):
            return Request(RequestKind.SUMMARY, (subject,), named)
    for pattern in _COUNTS:
        if (found := pattern.fullmatch(text)) and (subject := _bare(found["a"])):
            return Request(RequestKind.COUNT, (subject,))
    for named, pattern in _LISTS:
        if (found := pattern.fullmatch(text)) and (subject := _bare(found["a"])):
            return Request(RequestKind.LIST, (subject,), named)
    return None


def _bare(subject: str) -> str:
    """Without article and quotation marks."""
    subject = subject.strip(" \"'“”„‘’«».,?!")
    article = _ARTICLE.match(subject)
    return subject[article.end() :].strip(" \"'“”„‘’«»") if article else subject


def _whole(sides: tuple[str, str]) -> str:
    """The second side with what it shares with the first and leaves out: CarePlus Basic and (CarePlus) Premium."""
    first, second = sides[0].split(), sides[1].split()
    names = len(second) == 1 and len(first) > 1 and _alike(first[-1], second[0])
    return " ".join([*first[: -len(second)], *second]) if names else sides[1]


def _alike(one: str, other: str) -> bool:
    """Whether two words name things of one kind, as far as their letters tell: both numbers, codes or names."""
    digits = any(c.isdigit() for c in one), any(c.isdigit() for c in other)
    if any(digits):
        return all(digits)
    return one[0].isupper() == other[0].isupper() and one[0].isupper()
