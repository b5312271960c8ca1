"""Does each row of a sheet say the names of its columns, and is no name made up?"""

from __future__ import annotations

import pytest

from core.types import BlockKind
from plugins.parser.readers.sheets.regions import MOST_GROWTH, region_pieces

PARTS = [["Part", "Place", "Price"], ["Pump", "", "40"], ["Valve", "B-01", "50"]]


def texts(rows: list[list[str]]) -> list[str]:
    return [text for _, _, text in region_pieces(rows)]


def is_plain(rows: list[list[str]]) -> bool:
    ((kind, _, text),) = region_pieces(rows)
    return kind is BlockKind.TABLE and text.splitlines()[1].startswith("|---|")


def test_rows_name_their_cells_and_leave_out_empty_ones() -> None:
    rows = [*PARTS, ["", "B-02", "60"]]
    assert texts(rows) == [
        "| Part: Pump | Place: | Price: 40 |\n| Part: Valve | Place: B-01 | Price: 50 |\n| Place: B-02 | Price: 60 |"
    ]


def test_a_column_in_which_nothing_stands_keeps_its_name() -> None:
    assert texts([["Part", "Price", "Remark"], ["Pump", "40"], ["Valve", "50"]]) == [
        "| Part: Pump | Price: 40 | Remark: |\n| Part: Valve | Price: 50 |"
    ]


def test_labels_of_rows_need_no_name_and_years_are_names() -> None:
    assert texts([["", "2023", "2024"], ["Sales", "4,100", "4,500"]]) == ["| Sales | 2023: 4,100 | 2024: 4,500 |"]


def test_rows_under_the_name_of_a_group_have_the_columns_of_their_table() -> None:
    rows = [["Part", "Price"], ["P1", "40"], ["Valves", ""], ["V1", "50"]]
    assert texts(rows) == ["| Part: P1 | Price: 40 |", "Valves", "| Part: V1 | Price: 50 |"]


def test_an_empty_row_ends_a_table_where_another_begins_with_names_of_its_own() -> None:
    first, second = PARTS[:2], [["Town", "Depot", "Staff"], ["Kassel", "K1", "12"]]
    assert texts([*first, [], *second]) == [
        "| Part: Pump | Place: | Price: 40 |",
        "| Town: Kassel | Depot: K1 | Staff: 12 |",
    ]
    assert texts([*first, [], ["Valve", "", "50"]]) == [
        "| Part: Pump | Place: | Price: 40 |\n| Part: Valve | Price: 50 |"
    ]


def test_a_wider_table_below_a_line_does_not_take_the_names_of_the_one_above() -> None:
    rows = [["Part", "Price"], ["P1", "40"], ["All in euro", ""], ["7", "8", "9"], ["1", "2", "3"]]
    assert texts(rows)[-1] == "| 7 | 8 | 9 |\n|---|---|---|\n| 1 | 2 | 3 |"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([["M-1", "Press", "2016"], ["M-2", "Crane", "2020"]], id="a first row with a year"),
        pytest.param([["60-10", "Pump", "B"], ["60-12", "Valve", "C"]], id="a first row with a number"),
        pytest.param([["Anna", "Sales", "Kiel"], ["Bob", "Sales", "Ulm"]], id="a first row whose value comes again"),
        pytest.param([["a@b.example", "Anna", "x"], ["c@b.example", "Bob", "y"]], id="an address"),
        pytest.param([["Customer", "Alpha"], ["City", "Kassel"], ["Number", "4711"]], id="words and what they say"),
        pytest.param([["Part", "Part", "Price"], ["a", "b", "4"]], id="names that are not different"),
        pytest.param([["Part", "", "Price"], ["a", "b", "4"]], id="a column without a name"),
        pytest.param([["Part", "Place", "Price"]], id="a header alone"),
        pytest.param([["Part", "x" * 61, "Price"], ["a" * 200, "b", "4"]], id="a sentence instead of a name"),
    ],
)
def test_a_first_row_that_may_be_a_row_like_the_others_names_nothing(rows: list[list[str]]) -> None:
    assert is_plain(rows)


def test_names_that_take_far_more_room_than_values_stay_in_the_header() -> None:
    names = [f"Underlying operating result {number}" for number in range(9)]
    values = [[str(number) for number in range(9)] for _ in range(50)]
    assert is_plain([names, *values])
    named = texts([[f"C{number}" for number in range(9)], *values])[0]
    assert "| C0: 0 | C1: 1 |" in named
    assert len(named) <= MOST_GROWTH * sum(len(f"| {' | '.join(row)} |") for row in values)
