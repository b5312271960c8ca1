"""Is what a page's own style sheet hides told apart from what it shows?"""

from __future__ import annotations

import pytest

from core.types import BlockKind
from plugins.parser.readers.web.unseen import without_unseen

HIDDEN = [
    (".h{display:none}", "<p class=h>secret</p>"),
    ("@media screen{.h{display:none}}", "<p class=h>secret</p>"),
    ("/* .h{} */ div > .h , .x{visibility:hidden}", "<div><p class=h>secret</p></div>"),
    ("#a{opacity:0}", "<p id=a>secret</p>"),
    (".h{display:none!important}", "<p class=h style='display:block'>secret</p>"),
    (".h{display:block} p.h{display:none}", "<p class=h>secret</p>"),
    ("p{color:#fff}", "<p>secret</p>"),
    (".t{font-size:0.5px}", "<p class=t>secret</p>"),
]
SHOWN = [
    (".h{display:none} .h.on{display:block}", "<p class='h on'>shown</p>"),
    (".h{display:none} .h{display:block}", "<p class=h>shown</p>"),
    ("#a{display:block} .h{display:none}", "<p class=h id=a>shown</p>"),
    ("@media print{.h{display:none}}", "<p class=h>shown</p>"),
    (".h{display:none}", "<p class=h style='display:block'>shown</p>"),
    ("body{background:#000}p{color:#fff}", "<p>shown</p>"),
    ("a:hover{display:none}", "<a>shown</a>"),
    (".t{font-size:12px} .u{opacity:0.9} p:::{display:none}", "<p class='t u'>shown</p>"),
]


def page(sheet: str, body: str) -> str:
    return f"<html><head><style>{sheet}</style></head><body>{body}<p style='color:black'>rest</p></body></html>"


@pytest.mark.parametrize(("sheet", "body"), HIDDEN)
def test_what_a_sheet_hides_is_marked(sheet: str, body: str) -> None:
    seen, unseen = without_unseen(page(sheet, body))
    assert unseen == [(BlockKind.HIDDEN, 0, "secret")]
    assert seen is not None
    assert "secret" not in seen
    assert "rest" in seen


@pytest.mark.parametrize(("sheet", "body"), SHOWN)
def test_what_another_rule_shows_is_not(sheet: str, body: str) -> None:
    assert without_unseen(page(sheet, body)) == (None, [])


def test_a_sheet_of_very_many_rules_ends() -> None:
    sheet = "".join(f".c{number} p{{display:none}}" for number in range(20_000))
    body = "".join(f"<div class=d{number}><p>shown</p></div>" for number in range(500))
    assert without_unseen(page(sheet, body)) == (None, [])
