"""Does a text go round in circles?"""

from __future__ import annotations

LOOKED_AT = 600
"""Characters at the end of a text that are looked at."""
ROUNDS = 4
LONGEST = LOOKED_AT // ROUNDS
LEAST, LEAST_SIGNS = 60, 300
"""Characters that the repeated part must fill; more where it has no letter, as lines are drawn under tables."""


def is_stuck(text: str) -> bool:
    """Whether the end of a text is the same few words over and over, at least four times."""
    tail = text[-LOOKED_AT:]
    return any(_repeats(tail, tail[-length:]) for length in range(1, min(LONGEST, len(tail) // ROUNDS) + 1))


def _repeats(tail: str, part: str) -> bool:
    least = LEAST if any(character.isalnum() for character in part) else LEAST_SIGNS
    return tail.endswith(part * max(ROUNDS, -(-least // len(part))))
