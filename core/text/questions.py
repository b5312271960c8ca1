"""What kind of thing would answer a question, and does a sentence have one?"""

from __future__ import annotations

import re
from enum import StrEnum


class AnswerType(StrEnum):
    """What the answer is expected to be."""

    MONEY = "money"
    DISTANCE = "distance"
    TELEPHONE = "telephone"
    DURATION = "duration"
    NUMBER = "number"
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    OTHER = "other"


_ASKS = (
    (
        # Rates come first: by how much do prices rise?
        AnswerType.NUMBER,
        re.compile(
            r"\bby how much\b|\bper ?cent\b|\bpercentage\b|\b(?:what|which) (?:\w+ )?(?:rate|share|margin|discount)\b|"
            # What a thing's length must be, not how long something takes.
            r"\bhow long (?:must|should|shall|may|can|has|have|do|does|need)\b.{1,40}\bbe\W*$|\bwie lang\b|"
            r"\bum wie ?viel\b|\bprozent\b|\bde combien\b|\bpourcentage\b|\bporcentaje\b|%",
            re.I,
        ),
    ),
    (
        AnswerType.MONEY,
        re.compile(
            r"\b(?:how much (?:does|do|did|is|are|will|must|can|may)\b.*\b(?:cost|pay|paid|charged?|spend|earn)|costs?\b|prices?\b|"
            r"what (?:did|do|does|must|will) .*\b(?:pay|paid|spend|spent|earn)\b|"
            r"salary|wage|fees?\b|how expensive|kostet|kosten|preise?|gehalt|gebühr|wie teuer|coûte|prix|cuesta|precio)",
            re.I,
        ),
    ),
    (AnswerType.TELEPHONE, re.compile(r"\b(?:tele)?phone number|\btelefonnummer|\bnuméro de téléphone", re.I)),
    (AnswerType.DISTANCE, re.compile(r"\bhow far\b|\bwie weit\b|\bquelle distance\b", re.I)),
    (
        AnswerType.DURATION,
        re.compile(
            r"\b(?:(?:after |for )?how long|how many (?:\w+ )?(?:seconds|minutes|hours|days|weeks|months|years)|"
            r"what is the .*\bperiod|wie lange|wie ?viele? (?:sekunden|minuten|stunden|tage|wochen|monate|jahre)|"
            r"combien de (?:temps|minutes|heures|jours|semaines|mois|ans)|cuánto tiempo|"
            r"cuánt[oa]s (?:minutos|horas|días|semanas|meses|años))\b",
            re.I,
        ),
    ),
    (
        AnswerType.DATE,
        re.compile(
            # "when" further on begins a clause: which code is shown when the sensor trips?
            r"^\W*(?:\w+\W+){0,2}when\b|\b(?:what (?:year|date|day|month)|which (?:year|date|day|month)|since when|until when|deadline"
            r"|wann|seit wann|bis wann|in welchem jahr|quand|cuándo|quando|wanneer|hvornår)\b|когда|什么时候|何时|いつ|متى",
            re.I,
        ),
    ),
    (
        AnswerType.NUMBER,
        re.compile(
            r"\b(?:how (?:many|much|long|often|far|old|high|big|large|tall|fast|heavy)|what (?:percentage|percent|number|"
            r"amount|price|cost|is the (?:price|cost|maximum|minimum|limit|budget|rate|fee|number|amount|size|voltage))"
            r"|wie (?:viel|viele|hoch|lange|oft|weit|alt|groß|schwer|teuer)|combien|cuánt[oa]s?|quant[oiae]s?|hoeveel"
            r"|hur många|hvor mange)\b|сколько|多少|几|いくつ|いくら|何(?:日|人|個|円|時間)|كم",
            re.I,
        ),
    ),
    (
        AnswerType.PERSON,
        re.compile(r"\b(?:who|whom|whose|wer|wen|wem|wessen|qui|quién|quiénes|chi|quem|wie is|vem|hvem)\b|кто|谁|誰|だれ|من هو", re.I),
    ),
    (
        AnswerType.PLACE,
        re.compile(
            r"\b(?:where|which (?:city|country|building|room|office|town)|what (?:city|country|room)|wo|wohin|woher|où|"
            r"dónde|dove|onde|waar|var|hvor)\b|где|哪里|どこ|أين",
            re.I,
        ),
    ),
)  # fmt: skip
_NUMBER_WORDS = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|million|"
    r"half|once|twice|daily|weekly|monthly|yearly|annually|eine?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|zwölf|"
    r"zwanzig|dreißig|hundert|tausend|täglich|wöchentlich|monatlich|jährlich"
)
_NUMBER = re.compile(rf"\d|\b(?:{_NUMBER_WORDS})\b|[一二三四五六七八九十百千万]", re.I)
_DATE = re.compile(
    r"\b(?:1[0-9]|20)\d\d\b|\b\d{1,2}[./]\d{1,2}[./]|\b\d{1,2}:\d\d\b|\b\d{1,2}(?:st|nd|rd|th)\b|\d年|\d月|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|januar|februar|märz|mai|juni|juli|oktober|dezember)[a-z]*\b|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:mon|diens|donners|frei|sams|sonn)tag\b|mittwoch|"
    r"\b(?:day|week|month|quarter|year|century|tag|woche|monat|quartal|jahr|jahrhundert)",
    re.I,
)
_CURRENCY = r"(?:EUR|€|euros?\b|USD|\$|dollars?\b|cents?\b|GBP|£|pounds?\b|CHF|francs?\b|franken\b|¥|yen\b|JPY)"
_MONEY = re.compile(
    rf"\d.{{0,40}}?{_CURRENCY}|{_CURRENCY}.{{0,20}}?\d|\bfree\b|kostenlos|kostenfrei|gratuit|gratis",
    re.I,
)
_TELEPHONE = re.compile(r"\+?\d(?:[ /().-]?\d){6,}|\b(?:extension|ext\.?|durchwahl)\s*\d{2,}", re.I)
_DISTANCE = re.compile(
    r"\d\s*(?:km|m|cm|mm|µm|μm|mi|miles?|inch(?:es)?|in|ft|feet|foot|yards?|\w*met(?:er|re)s?|mikrometer)\b", re.I
)
_TIME_UNIT = (
    r"(?:seconds?|sec|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|quarters?|years?|decades?|centur(?:y|ies)|"
    r"sekunden?|minuten?|stunden?|tagen?|tage?|wochen?|monat(?:e|en|s)?|quartale?|jahr(?:e|en|s|zehnte)?|"
    r"secondes?|heures?|jours?|semaines?|mois|ans?|années?|segundos?|minutos?|horas?|días?|semanas?|mes(?:es)?|años?|"
    r"secondi|minuti|or[ae]|giorn[oi]|settiman[ae]|mes[ei]|ann[oi]|секунд\w*|минут\w*|час\w*|д(?:ень|ня|ней)|недел\w*|месяц\w*|"
    r"год\w*|лет)"
)
_DURATION = re.compile(
    rf"(?:\d|\b(?:{_NUMBER_WORDS}|an?|the|per)\b).{{0,20}}?\b{_TIME_UNIT}\b|\({_TIME_UNIT}\)\W+\d|\d\s*(?:h|s|min|ms|d)\b|"
    r"\b(?:until|till|bis|jusqu|hasta|unlimited|indefinite\w*|permanent\w*|unbegrenzt|unbefristet)|"
    r"[\d一二三四五六七八九十百](?:个)?[秒分时時天日周週月年]",
    re.I,
)
_NAME = re.compile(r"(?:\b[A-ZÄÖÜÉÁÓ][\w'’-]+\s+(?:(?:van|von|de|del|la|der|den|al|bin)\s+)?[A-ZÄÖÜÉÁÓ][\w'’-]+)")
_FIRM = re.compile(r"(?:[A-ZÄÖÜ][\w&-]+\s+){1,4}(?:GmbH|AG|SE|KG|Inc|Ltd|LLC|PLC|Corp|Co|BV|NV|SA|SAS|SRL|Oy|AB|AS)\b")
_CAPITAL = re.compile(r"(?<=[\w,;:|] )[A-ZÄÖÜÉÁÓ]\w+")
_UNCASED = re.compile(r"[\u0590-\u0fff\u3040-\u9fff\uac00-\ud7af]")
_ROLE = re.compile(r"\b(?:team|manager|head|director|officer|department|leiter\w*|abteilung|chef\w*)\b", re.I)


def answer_type(question: str) -> AnswerType:
    """What is asked for; ``OTHER`` when the wording does not say."""
    return next((kind for kind, pattern in _ASKS if pattern.search(question)), AnswerType.OTHER)


def without(text: str, question: str) -> str:
    """The text without the codes, names, roles and numbers that the question brings itself; they answer nothing."""
    words = {word.strip("?!.,;:()\"'") for word in question.split()}
    brought = {word for word in words if len(word) > 1 and (word[0].isupper() or any(c.isdigit() for c in word))}
    for word in sorted(brought, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", text)
    for role in filter(_ROLE.fullmatch, words):
        text = re.sub(rf"\b{role}\b", " ", text, flags=re.I)
    return text


def may_answer(text: str, kind: AnswerType) -> bool:
    """Whether the text has a thing of that kind; always true for ``OTHER``."""
    match kind:
        case AnswerType.MONEY:
            return bool(_MONEY.search(text))
        case AnswerType.TELEPHONE:
            return bool(_TELEPHONE.search(text))
        case AnswerType.DISTANCE:
            return bool(_DISTANCE.search(text))
        case AnswerType.DURATION:
            return bool(_DURATION.search(text) or _DISTANCE.search(text))
        case AnswerType.NUMBER:
            return bool(_NUMBER.search(text))
        case AnswerType.DATE:
            return bool(_DATE.search(text))
        case AnswerType.PERSON:
            return bool(_NAME.search(_FIRM.sub(" ", text)) or _ROLE.search(text) or _UNCASED.search(text))
        case AnswerType.PLACE:
            return bool(_CAPITAL.search(text) or _UNCASED.search(text) or _NUMBER.search(text))
        case AnswerType.OTHER:
            return True
