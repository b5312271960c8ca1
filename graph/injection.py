"""Does this text try to give orders instead of asking?

Deterministic: orders to drop the rules, to take another role or to give away instructions weigh much, mere words weigh
nothing. "How do I ignore a warning?" is a question; "Ignore all previous instructions" is not.
"""

from __future__ import annotations

import re
import unicodedata

_TARGET = (
    r"(?:(?:all|any|every|the|your|my|these|those|above|previous|prior|earlier|preceding|initial|original|system|safety|"
    r"of|to|that|was|were|given|you|everything|and)\s+){0,6}"
    r"(?:instructions?|rules?|prompts?|guidelines?|directives?|restrictions?|constraints?|programming|polic(?:y|ies)|"
    r"context|orders?|commands?|filters?|guardrails?)"
)
_PATTERNS: tuple[tuple[float, re.Pattern[str]], ...] = tuple(
    (weight, re.compile(pattern, re.IGNORECASE))
    for weight, pattern in (
        (0.95, rf"(?:^|[.!?:;\n\"'(]\s*|\b(?:please|now|first|then|and|just|must|should)\s+)"
               rf"(?:ignore|disregard|forget|override|bypass|discard|neglect|drop)\s+{_TARGET}"),
        (0.9, r"(?:ignoriere|vergiss|missachte)\s+(?:\w+\s+){0,4}(?:anweisung|regel|vorgabe|instruktion)\w*"),
        (0.9, r"(?:ignorez|oubliez|ignore|oublie)\s+(?:\w+\s+){0,4}(?:instructions|consignes|règles)"),
        (0.9, r"(?:ignora|olvida|omite)\s+(?:\w+\s+){0,4}(?:instrucciones|reglas)"),
        (0.8, r"\b(?:reveal|show|print|repeat|output|leak|tell me|give me|display)\b[^.?!]{0,40}"
              r"\b(?:system prompt|hidden prompt|initial prompt|your (?:exact )?(?:instructions|prompt|guidelines))"),
        (0.8, r"\b(?:you are|act as|pretend (?:to be|you are)|behave as|roleplay as)\b[^.?!]{0,60}"
              r"\b(?:dan|unrestricted|unfiltered|jailbroken|no (?:rules|restrictions|limits|filters)|without (?:any )?"
              r"(?:rules|restrictions|limits|filters)|evil|developer mode)\b"),
        (0.7, r"\b(?:developer|god|debug|admin|sudo|jailbreak) mode\b[^.?!]{0,30}\b(?:on|enabled|activated?|enter)\b"),
        (0.7, r"\b(?:do anything now|jailbreak(?:ed)? (?:yourself|prompt)|stay in character)\b"),
        (0.6, r"(?:^|\n)\s*(?:#+\s*)?(?:system|assistant)\s*:\s*\S"),
        (0.6, r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?INST\]|<<SYS>>"),
        (0.6, r"\b(?:from now on|for the rest of (?:this|the) (?:chat|conversation))\b[^.?!]{0,40}\b"
              r"(?:you (?:will|must|are)|only (?:answer|respond|reply))\b"),
        (0.5, r"\b(?:new|updated|real|actual) (?:instructions?|task|objective)\s*(?:is|are)?\s*:"),
    )
)  # fmt: skip


def score(text: str) -> float:
    """0 for an ordinary text, towards 1 the plainer the attempt; several signs add up."""
    folded = unicodedata.normalize("NFKC", text)
    folded = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    clean = 1.0
    for weight, pattern in _PATTERNS:
        if pattern.search(folded):
            clean *= 1 - weight
    return 1 - clean
