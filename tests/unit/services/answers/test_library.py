"""Which document bears a name?"""

from __future__ import annotations

from uuid import uuid4

import pytest

from db.repositories.library import Titled
from services.answers.library import best_named

SHELF = [
    Titled(uuid4(), filename, "application/pdf", heading)
    for filename, heading in (
        ("price-list-2026.pdf", "Prices"),
        ("price-list-2025.pdf", "Prices"),
        ("employee_handbook_appendix.pdf", ""),
        ("employee_handbook.pdf", ""),
        ("FIN-014.pdf", "Travel Policies"),
        ("reisekostenrichtlinie.md", "Reisekostenrichtlinie"),
    )
]


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("handbook", "employee_handbook.pdf"),
        ("employee handbook appendix", "employee_handbook_appendix.pdf"),
        ("price list 2025", "price-list-2025.pdf"),
        ("price list", "price-list-2026.pdf"),
        ("travel policy document", "FIN-014.pdf"),
        ("the file FIN-014", "FIN-014.pdf"),
        ("Reisekostenrichtlinie", "reisekostenrichtlinie.md"),
        ("price list of Mars", None),
        ("document", None),
        ("it", None),
        ("", None),
        ("%", None),
    ],
)
def test_all_words_of_a_name_and_as_few_others_as_can_be(name: str, filename: str | None) -> None:
    found = best_named(name, SHELF)
    assert next((one.filename for one in SHELF if one.document_id == found), None) == filename
