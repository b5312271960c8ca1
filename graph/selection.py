"""Which rows of a table are asked for, and are they what the question counts or lists?

A table answers only where every word of the question is accounted for: it names what the rows are (the sheet, the
heading above, the first column), or stands in a cell of the rows that are meant. One word that is neither, and the
question goes the usual way: it asks for something else than rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from core.text import language, names, terms
from core.text.function_words import ASKING
from core.types import Chunk
from graph.tables import Row, Table


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERY = frozenset({"all", "any", "every", "alle", "alles", "sämtliche", "jede", "*"})
"""What a cell says that holds for whatever could stand there."""
_MEASURES = _words(
    "day days hour hours minute minutes second seconds week weeks month months year years time times percent euro "
    "euros dollars points people person tag tage tagen stunde stunden minuten sekunden woche wochen monat monate "
    "monaten jahr jahre jahren mal prozent leute personen"
)
"""What is counted in, and is no row of anything."""
_ROWS = _words("row rows entry entries line lines item items zeile zeilen eintrag einträge position positionen")
_LINKING = _words(
    "fit fits exist belong belongs apply applies listed there here in on for of from to at by with within under "
    "into available currently passen passt gehören gehört gelten gilt stehen steht liegen liegt gibt es sich "
    "befinden auf zu zur zum vom beim im aus ist sind"
)
"""What joins the things to what is said of them."""
_MEETING = re.compile(
    r"\s(?:for|of|from|in|on|at|by|with|within|under|that|which|are|is|do|does|did|have|has|fit|fits|belong|apply|für|"
    r"von|vom|aus|im|am|an|unter|auf|bei|mit|zu[rm]?|die|der|sind|ist|haben|hat|passen|gehören|gelten|stehen|liegen|gibt)\s",
    re.I,
)
"""Where the name of the things ends."""
_APART = re.compile(r"\b([A-ZÄÖÜ]{1,5}) (\d)")
"""A code that is written as two words."""
NAMING = 2
"""Columns in which a row says what it is: a number, and a name."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that were asked for.

    Attributes:
        named: How many of them say the words of the question; the others say "all" in their place.
        wanted: The words that select rows, as they were said; empty when all rows are meant.
    """

    table: Table
    rows: Sequence[Row]
    named: int
    wanted: str
    every: tuple[str, str] = ("", "")
    """The column in which the others say it, and what they say."""


def select(subject: str, table: Table, *, strict: bool = True) -> Selection | None:
    """The rows that a list or count asks for; None where it asks for something else.

    Args:
        strict: The table must say that its rows are such things; else several rows may, where they name themselves.
    """
    if not table.rows:
        return None
    first = table.rows[0].chunk
    subject = _APART.sub(r"\1-\2", subject)
    spoken = _language(subject, first.language)
    things = _things(subject)
    says_so = names_rows(subject, table)
    if _MEASURES & set(things) or (strict and not says_so):
        return None
    said = _said_of(table, first, spoken)
    wanted = [word for word in _content(subject, spoken) if not _accounted(word, said, spoken)]
    found = _selected(table, wanted, spoken)
    return found if found is None or says_so or _named_in_rows(found, things[-1:], spoken) else None


def names_rows(subject: str, table: Table) -> bool:
    """Whether the table says that its rows are the things a list or count is of; any table has rows."""
    things = _things(subject)
    if not things or not table.rows or _MEASURES & set(things):
        return False
    first = table.rows[0].chunk
    spoken = _language(subject, first.language)
    head = terms.terms(things[-1], spoken)[-1:]
    return things[-1] in _ROWS or (bool(head) and head[0] in _said_of(table, first, spoken))


def _things(subject: str) -> list[str]:
    """The words that name the things, before anything is said of them."""
    named, _, _ = _MEETING.sub("\x00", f" {subject} ").strip().partition("\x00")
    return [word.casefold().strip("?!.,;:\"'()") for word in named.split()]


def _named_in_rows(found: Selection, thing: Sequence[str], spoken: str) -> bool:
    """Whether rows name themselves as what is listed: several of them, in one of the first columns."""
    head = terms.terms(" ".join(thing), spoken)[-1:]
    naming = found.table.columns[:NAMING]
    named = [
        row
        for row in found.rows
        if set(head) <= set(terms.terms(" ".join(row.cells.get(name, "") for name in naming), spoken))
    ]
    return found.table.named_by_file and len(named) == len(found.rows) > 1


def columns_of(sides: Sequence[str], table: Table) -> tuple[str, ...]:
    """The columns that are called as the sides of a comparison are, in their order; none unless each has one."""
    if not table.rows:
        return ()
    found = []
    for side in sides:
        spoken = _language(side, table.rows[0].chunk.language)
        words = _content(_APART.sub(r"\1-\2", side), spoken)
        called = (name for name in table.columns[1:] if words and all(_says(name, word, spoken) for word in words))
        found.append(next(called, ""))
    return tuple(found) if all(found) and len(set(found)) == len(sides) else ()


def _language(subject: str, rows: str) -> str:
    """Rows and question are stemmed alike: as the rows were, where that is known."""
    return rows if rows != language.UNDETERMINED else language.detect(subject)


def _said_of(table: Table, chunk: Chunk, spoken: str) -> frozenset[str]:
    """What says what the rows are."""
    sources = [table.label, *chunk.heading_path[-1:], *table.columns[:1]]
    if table.named_by_file:
        sources += [chunk.filename, PurePath(chunk.filename).stem]
    return frozenset(terms.terms(" ".join(sources), spoken))


def _content(subject: str, spoken: str) -> list[str]:
    """The words of a question that mean something, as they were said."""
    asking = ASKING.get(spoken, frozenset()) | ASKING["en"] | _LINKING | _ROWS
    words = (word.strip("?!.,;:\"'()“”„") for word in subject.split())
    return [word for word in words if word and word.casefold() not in asking]


def _accounted(word: str, said: frozenset[str], spoken: str) -> bool:
    own = terms.terms(word, spoken)
    return bool(own) and all(term in said for term in own)


def _selected(table: Table, wanted: Sequence[str], spoken: str) -> Selection | None:
    if not wanted:
        return Selection(table, table.rows, len(table.rows), "")
    named = [row for row in table.rows if all(_says(row.said, word, spoken) for word in wanted)]
    columns = {name: cell for row in named for name, cell in row.cells.items() if _says(cell, wanted[0], spoken)}
    if columns:
        return _with_every(table, named, wanted, set(columns))
    # A word may name the column in which the others are looked for: all machines with the site Pilsen.
    for name in table.columns:
        others = [word for word in wanted if not _accounted(word, frozenset(terms.terms(name, spoken)), spoken)]
        if others and len(others) < len(wanted):
            found = [row for row in table.rows if all(_says(row.cells.get(name, ""), word, spoken) for word in others)]
            if found:
                return _with_every(table, found, others, {name})
    return None


def _with_every(table: Table, named: list[Row], wanted: Sequence[str], columns: set[str]) -> Selection:
    """And the rows that hold for all: where one word is wanted, they fit whatever it is."""
    rows, every = named, ("", "")
    if len(wanted) == 1:
        said = {id(row) for row in named}
        rows = []
        for row in table.rows:
            general = next((name for name in columns if row.cells.get(name, "").casefold() in _EVERY), None)
            if general is not None:
                every = (general, row.cells[general])
            if general is not None or id(row) in said:
                rows.append(row)
    return Selection(table, rows, len(named), " ".join(wanted), every)


def _says(text: str, word: str, spoken: str) -> bool:
    if names.is_code(word):
        return names.speaks_of(text, word)
    own = terms.terms(word, spoken)
    return bool(own) and set(own) <= set(terms.terms(text, spoken))
