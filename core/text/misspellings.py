"""Which words might have been meant by one that nobody wrote?"""

from __future__ import annotations

import string

SHORTEST, LONGEST = 5, 24
"""Letters; of shorter words too many others are one letter away, and longer ones are no words."""


def variants(term: str) -> frozenset[str]:
    """What one wrong, missing, superfluous or exchanged letter makes of a term in plain Latin letters; else none."""
    if not SHORTEST <= len(term) <= LONGEST or not (term.isascii() and term.isalpha()):
        return frozenset()
    halves = [(term[:place], term[place:]) for place in range(len(term) + 1)]
    made = {head + tail[1:] for head, tail in halves if tail}
    made |= {head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1}
    for letter in string.ascii_lowercase:
        made |= {head + letter + tail for head, tail in halves}
        made |= {head + letter + tail[1:] for head, tail in halves if tail}
    return frozenset(made - {term})
