"""What is embedded of a chunk?"""

from __future__ import annotations

from services.chunk_rows import indexed_text


def test_the_context_stands_over_the_text() -> None:
    assert indexed_text("Report › Costs", "Oil costs 4 EUR.") == "Report › Costs\nOil costs 4 EUR."
    assert indexed_text("", "Oil costs 4 EUR.") == "Oil costs 4 EUR."


def test_cells_are_embedded_without_the_bars_between_them() -> None:
    table = "| Part | Price |\n| --- | ---: |\n| Oil pump | 1,985.00 EUR |\n|  | none |"
    assert indexed_text("Prices", table).split() == [
        "Prices",
        "Part",
        "Price",
        "Oil",
        "pump",
        "1,985.00",
        "EUR",
        "none",
    ]
    assert indexed_text("", table).count("\n") == table.count("\n") - 1
