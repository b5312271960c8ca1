"""Are rows selected where they are what is asked for, and only there?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from core.types import Chunk
from graph.selection import Selection, select
from graph.tables import tables_of
from tests.unit.graph.conftest import chunk

PARTS = (
    "Price list\n\n"
    "| Part number: 60-1 | Description: Gasket set | Fits: TX-120 | Stock: 22 |\n"
    "| Part number: 60-2 | Description: Oil filter | Fits: TX-240, TX-400 | Stock: 212 |\n"
    "| Part number: 60-3 | Description: Flow switch | Fits: all | Stock: 40 |\n"
    "| Part number: 60-4 | Description: Oil filter | Fits: TX-4000 | Stock: 3 |"
)
LEAVE = "2.4 Special leave\n\n| Occasion | Paid days |\n|---|---|\n| Own wedding | 2 |\n| Birth of a child | 10 |\n"
MACHINES = (
    "| Maschine: M-101 | Standort: Bielefeld | Prüfer: Pape |\n| Maschine: M-201 | Standort: Pilsen | Prüfer: Marek |\n"
    "| Maschine: M-202 | Standort: Pilsen | Prüfer: Marek |"
)


def sheet(content: str, label: str = "sheet Price list", filename: str = "spare-parts.xlsx") -> list[Chunk]:
    """A sheet in one chunk."""
    return [replace(chunk(content, filename=filename, context=f"x › {label}"), page_label=label, language="en")]


def handbook() -> list[Chunk]:
    """A table in prose."""
    return [
        chunk("Every employee has 30 working days of annual leave. " * 9, filename="employee-handbook.md"),
        replace(chunk(LEAVE, filename="employee-handbook.md"), heading_path=("Handbook", "2.4 Special leave")),
    ]


def selected(subject: str, chunks: Sequence[Chunk], *, strict: bool = True) -> Selection | None:
    """From the first table."""
    return select(subject, tables_of(chunks)[0], strict=strict)


@pytest.mark.parametrize(
    ("subject", "numbers", "named"),
    [
        ("parts fit the TX-400", ["60-2", "60-3"], 1),
        ("spare parts for the TX 400", ["60-2", "60-3"], 1),
        ("parts are there", ["60-1", "60-2", "60-3", "60-4"], 4),
        ("rows of spare-parts", ["60-1", "60-2", "60-3", "60-4"], 4),
        ("rows of spare-parts.xlsx", ["60-1", "60-2", "60-3", "60-4"], 4),
        ("spare parts with the description oil filter", ["60-2", "60-4"], 2),
    ],
)
def test_rows_that_say_it_and_rows_that_hold_for_all(subject: str, numbers: list[str], named: int) -> None:
    found = selected(subject, sheet(PARTS))
    assert found is not None
    assert [row.cells["Part number"] for row in found.rows] == numbers
    assert found.named == named


@pytest.mark.parametrize(
    "subject",
    [
        "parts are out of stock",  # nothing says which rows those are
        "parts does Varmholt sell",
        "oil filters are in stock",  # a number of pieces, not of rows
        "oil filters do we have",  # the table does not say that its rows are oil filters
        "machines get a new oil filter under SA-2025-04",
        "parts fit the TX-600",
        "days of leave do I get",
        "employees work in Pilsen",
        "percent of the parts",
    ],
)
def test_whatever_else_is_counted_is_no_number_of_rows(subject: str) -> None:
    assert selected(subject, sheet(PARTS)) is None


@pytest.mark.parametrize(
    "subject", ["days of leave do I get", "special leave days are there", "employees work in Pilsen"]
)
def test_a_table_in_prose_counts_no_days_and_no_employees(subject: str) -> None:
    assert selected(subject, handbook()) is None
    assert selected("employees", handbook(), strict=False) is None


def test_a_table_in_prose_is_named_by_the_heading_above_it() -> None:
    found = selected("occasions for special leave", handbook())
    assert found is not None
    assert [row.cells["Occasion"] for row in found.rows] == ["Own wedding", "Birth of a child"]


def test_a_list_may_name_rows_by_what_they_call_themselves() -> None:
    assert selected("gasket sets", sheet(PARTS), strict=False) is None  # one alone may be called so by chance

    assert selected("oil filters", sheet(PARTS)) is None
    found = selected("oil filters", sheet(PARTS), strict=False)
    assert found is not None
    assert [row.cells["Part number"] for row in found.rows] == ["60-2", "60-4"]


@pytest.mark.parametrize("subject", ["Maschinen stehen in Pilsen", "Maschinen am Standort Pilsen"])
def test_german_rows(subject: str) -> None:
    chunks = [replace(one, language="de") for one in sheet(MACHINES, "Blatt Maschinen", "wartung.xlsx")]
    found = selected(subject, chunks)
    assert found is not None
    assert [row.cells["Maschine"] for row in found.rows] == ["M-201", "M-202"]


def test_a_row_is_cited_where_it_stands() -> None:
    (table,) = tables_of(sheet(PARTS))
    for row in table.rows:
        start, end = row.chunk.char_start, row.chunk.char_end
        assert PARTS[start:end] == row.chunk.content
        assert row.cells["Part number"] in row.chunk.content


def test_a_table_goes_on_in_the_next_chunk_and_no_row_counts_twice() -> None:
    head, rest = LEAVE[: LEAVE.index("| Birth")], LEAVE[LEAVE.index("| Birth") :]
    first = replace(chunk(head), heading_path=("2.4 Special leave",))
    following = replace(first, content=rest, char_start=len(head), context="x › y\n| Occasion | Paid days |")
    (table,) = tables_of([first, following, following])
    assert [row.cells for row in table.rows] == [
        {"Occasion": "Own wedding", "Paid days": "2"},
        {"Occasion": "Birth of a child", "Paid days": "10"},
    ]


@pytest.mark.parametrize("content", ["|", "||", "| |", "|---|", "| a | b |\n|---", "text\n|x", "| a: | b: |", "|\x00|"])
def test_what_is_hardly_a_table_is_read(content: str) -> None:
    for table in tables_of(sheet(content)):
        found = select("parts for all", table, strict=False)
        assert found is None or all(row.said.strip() for row in found.rows)


def test_fifty_thousand_rows_are_looked_through_in_seconds() -> None:
    rows = [f"| Part number: {n} | Description: Pump | Fits: TX-{n % 40} |" for n in range(50_000)]
    chunks, version_id = [], uuid4()
    for start in range(0, len(rows), 10):
        (one,) = sheet("\n".join(rows[start : start + 10]))
        chunks.append(replace(one, version_id=version_id, char_start=start * 100))
    started = time.perf_counter()
    found = selected("parts for the TX-7", chunks)
    assert found is not None
    assert len(found.rows) == 1250
    assert time.perf_counter() - started < 20
