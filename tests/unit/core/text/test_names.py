"""Which things does a question call by name, and does a text speak of them?"""

from __future__ import annotations

import pytest

from core.text.names import names, speaks_of


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("Who runs the site in Lisbon?", "en", {"Lisbon"}),
        ("Is the laser cutter M-104 insured?", "en", {"M-104"}),
        ("What was the EBIT margin in Q2 2025?", "en", {"EBIT", "2025"}),
        ("Which firmware is 4.6.2?", "en", set()),
        ("When does the shop open on Monday in May?", "en", set()),
        ("I asked. Where do I find Marta's desk?", "en", {"Marta"}),
        ("Wie teuer ist ein Ersatzfilter für die TX-120?", "de", {"TX-120"}),
        ("Où se trouve l'agence de Lyon ?", "fr", {"Lyon"}),
        ("How Much Does The Annual Contract Cost", "en", set()),
        ("WHERE IS THE KEY OF ROOM B", "en", set()),
        ("123?", "en", set()),
        ("", "en", set()),
    ],
)
def test_names_and_codes_of_a_question_are_found(question: str, language: str, expected: set[str]) -> None:
    assert names(question, language) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The TX 120 weighs little.", "TX-120"),
        ("see tx120.", "TX-120"),
        ("The Lisbon office", "Lisbon"),
        ("its lisboa branch in Lisbonne", "Lisbon"),
        ("Lissbon is a typo", "Lisbon"),
        ("Ögedei ruled.", "Ogedei"),
        ("a licence for BACnet over IP", "BACnet/IP"),
        ("built in 2024", "2024"),
    ],
)
def test_a_text_speaks_of_a_name_however_it_is_written(text: str, name: str) -> None:
    assert speaks_of(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The TX-1200 weighs much.", "TX-120"),
        ("The RTX-120 is another thing.", "TX-120"),
        ("The Porto office", "Lisbon"),
        ("a licence for BACnet", "BACnet/Modbus"),
        ("built in 2024", "2023"),
        ("a cat", "Cut"),
    ],
)
def test_another_thing_with_a_similar_name_is_not_it(text: str, name: str) -> None:
    assert not speaks_of(text, name)
