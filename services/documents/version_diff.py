"""What changed from one version of a document to another?

Pages are matched by their text first, so that an inserted page does not make all that follow look changed; then the
lines of those that differ are compared. Lines, pages and characters are bounded: comparing is quadratic at worst.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from services.views.versions import ChangeView

MAX_PAGES = 5_000
MAX_LINES = 3_000
"""Of a page; what follows is not compared."""
MAX_LINES_IN_ALL = 30_000
MAX_CHARACTERS = 200_000
"""Of the unified form."""
MAX_LINE = 2_000
MAX_ALIGNED = 10_000
"""Pairs of pages of one changed stretch; of a longer one pages are compared in their order."""
SAME_PAGE = 0.2
CONTEXT = 3


@dataclass(frozen=True, slots=True)
class PageText:
    """A page as it was parsed."""

    number: int
    label: str
    text: str


Pair = tuple[PageText | None, PageText | None]


@dataclass(slots=True)
class Difference:
    """What was found; ``truncated`` when not all of it."""

    unified: list[str] = field(default_factory=list)
    changes: list[ChangeView] = field(default_factory=list)
    pages_unchanged: int = 0
    truncated: bool = False


def difference(before: Sequence[PageText], after: Sequence[PageText], names: tuple[str, str]) -> Difference:
    """Compare two versions page by page; takes CPU time, so call it in a thread.

    Args:
        names: What the versions are called in the heads of the unified form.
    """
    found = Difference(truncated=max(len(before), len(after)) > MAX_PAGES)
    lines, characters = 0, 0
    for old, new in _pairs(before[:MAX_PAGES], after[:MAX_PAGES]):
        if old is not None and new is not None and old.text == new.text:
            found.pages_unchanged += 1
            continue
        if lines >= MAX_LINES_IN_ALL or characters >= MAX_CHARACTERS:
            found.truncated = True
            break
        (removable, cut_old), (addable, cut_new) = _lines(old), _lines(new)
        found.truncated |= cut_old or cut_new
        lines += len(removable) + len(addable)
        heads = f"{names[0]}, {_place(old)}", f"{names[1]}, {_place(new)}"
        unified = list(difflib.unified_diff(removable, addable, *heads, n=CONTEXT, lineterm=""))
        if not unified:
            found.pages_unchanged += 1  # only spaces at line ends or what was left out differ
            continue
        kept, whole = _within(unified, MAX_CHARACTERS - characters)
        found.truncated |= not whole
        characters += sum(map(len, kept))
        found.unified += kept
        found.changes.append(_change(old, new, kept))
    return found


def _pairs(before: Sequence[PageText], after: Sequence[PageText]) -> Iterator[Pair]:
    """Pages that belong together, in order; None where one is only in the other version."""
    matcher = difflib.SequenceMatcher(
        None, [page.text for page in before], [page.text for page in after], autojunk=False
    )
    for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        yield from _aligned(before[old_start:old_end], after[new_start:new_end])


def _aligned(old: Sequence[PageText], new: Sequence[PageText]) -> list[Pair]:
    """Of changed pages those that share the most words, without changing their order."""
    if min(len(old), len(new)) == 0 or len(old) == len(new) == 1 or len(old) * len(new) > MAX_ALIGNED:
        return list(zip_longest(old, new))
    words = [set(page.text.split()) for page in new]
    shared = [[_shared(set(page.text.split()), one) for one in words] for page in old]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + shared[i][j])
    pairs: list[Pair] = []
    i = j = 0
    while i < len(old) and j < len(new):
        if shared[i][j] and best[i][j] == best[i + 1][j + 1] + shared[i][j]:
            pairs.append((old[i], new[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((old[i], None))
            i += 1
        else:
            pairs.append((None, new[j]))
            j += 1
    return pairs + [(page, None) for page in old[i:]] + [(None, page) for page in new[j:]]


def _shared(one: set[str], other: set[str]) -> float:
    """Share of words in common; nothing where it is too little to be the same page."""
    share = len(one & other) / len(one | other) if one or other else 0.0
    return share if share >= SAME_PAGE else 0.0


def _lines(page: PageText | None) -> tuple[list[str], bool]:
    """(lines without space at their ends, whether some were left out)."""
    lines = [line.rstrip() for line in page.text.splitlines()] if page else []
    cut = len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines[:MAX_LINES])
    return [line[:MAX_LINE] for line in lines[:MAX_LINES]], cut


def _within(lines: Sequence[str], room: int) -> tuple[list[str], bool]:
    """(as many lines as there is room for, whether that is all)."""
    for position, line in enumerate(lines):
        room -= len(line)
        if room < 0:
            return list(lines[:position]), False
    return list(lines), True


def _change(old: PageText | None, new: PageText | None, unified: Sequence[str]) -> ChangeView:
    page = new or old
    body = unified[2:]  # the first two lines name the versions
    return ChangeView(
        page_before=old.number if old else None,
        page_after=new.number if new else None,
        label=page.label if page else "",
        removed=tuple(line[1:] for line in body if line.startswith("-")),
        added=tuple(line[1:] for line in body if line.startswith("+")),
    )


def _place(page: PageText | None) -> str:
    if page is None:
        return "not there"
    return page.label or f"page {page.number}"
