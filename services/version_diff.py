"""What changed from one version of a document to another?

Pages are matched by their text first, so that an inserted page does not make all that follow look changed; then the
lines of those that differ are compared. Lines, pages and characters are bounded: comparing is quadratic at worst.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from services.views import ChangeView

MAX_PAGES = 5_000
MAX_LINES = 3_000
"""Of a page; what follows is not compared."""
MAX_LINES_IN_ALL = 30_000
MAX_CHARACTERS = 200_000
"""Of the unified form."""
MAX_LINE = 2_000
CONTEXT = 3


@dataclass(frozen=True, slots=True)
class PageText:
    """A page as it was parsed."""

    number: int
    label: str
    text: str


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


def _pairs(before: Sequence[PageText], after: Sequence[PageText]) -> Iterator[tuple[PageText | None, PageText | None]]:
    """Pages that belong together, in the order of the later version; None where one is only in the other."""
    matcher = difflib.SequenceMatcher(
        None, [page.text for page in before], [page.text for page in after], autojunk=False
    )
    for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        yield from zip_longest(before[old_start:old_end], after[new_start:new_end])


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
