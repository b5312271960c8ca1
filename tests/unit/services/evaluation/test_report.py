"""Is a run told as it was, and is its page safe to open anywhere?"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from core.events import Outcome
from services.evaluation.answers import Cited, Row
from services.evaluation.comparison import compare
from services.evaluation.report import Report
from tests.unit.services.evaluation.rows import OTHER, RIGHT, hit, missed, row, stated_wrongly

HOSTILE = "</details><script>alert('$asked')</script>&amp;"
BEFORE = [hit("won before", confidence=0.8, ms=5), missed("lost before", confidence=0.1, ms=5), hit("same", ms=5)]
NOW = [missed("won before", confidence=0.2, ms=9), hit("lost before", confidence=0.9, ms=9), hit("same", ms=9)]


class Seen(HTMLParser):
    """Elements, their attributes and all text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Row:
    cited = Cited(file=HOSTILE, page=1, quote=HOSTILE)
    told = row(HOSTILE, Outcome.CLOSEST, cited)
    return told.model_copy(update={"answer": HOSTILE, "file": HOSTILE, "page": 2, "answered": HOSTILE})


def test_nothing_that_people_or_documents_wrote_becomes_a_part_of_the_page() -> None:
    page = Seen(Report([hostile()], compare([hit(HOSTILE).model_copy(update={"file": HOSTILE, "page": 2})],
                                            [hostile()])).html())  # fmt: skip
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert [tag for tag, _ in page.elements].count("details") == 1
    assert page.text.count(HOSTILE) == 6


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    html = Report(NOW, compare(BEFORE, NOW)).html()
    assert not {"src", "href", "action", "srcset"} & {
        name for _, attributes in Seen(html).elements for name in attributes
    }
    assert not re.search(r"https?:|url\(|@import|fetch\(", html)
    assert "default-src 'none'" in html


def test_what_went_wrong_and_what_changed_is_on_the_page_with_then_and_now() -> None:
    page = Seen(Report([*NOW, stated_wrongly("nobody knows")], compare(BEFORE, NOW)).html())
    kinds = [attributes["data-kind"] for tag, attributes in page.elements if tag == "details"]
    assert kinds == ["wrong changed", "changed", "wrong"]
    said = " ".join(page.text.split())
    assert "won before refused changed: hit → refused" in said
    assert "lost before changed: refused → hit" in said
    assert "Then answered, sure 0.80, 5 ms" in said
    assert "nobody knows stated wrongly" in said
    assert "Brier score" in said
    assert "same" not in said


def test_without_a_former_run_and_probabilities_the_page_says_so() -> None:
    html = Report([hit("a"), row("b", Outcome.CLOSEST, RIGHT, OTHER)]).html()
    said = " ".join(Seen(html).text.split())
    assert "A language model answered: it does not say how sure it is." in said
    assert "b closest, right page shown" in said
    assert 'class="change better"' not in html


def test_the_terminal_shows_the_change_and_its_interval() -> None:
    names = [str(number) for number in range(20)]
    report = Report(
        [hit(name) for name in names], compare([missed(name) for name in names], [hit(name) for name in names])
    )
    first, hits, *_ = report.lines()
    assert first.split() == ["now", "former", "change", "95", "%", "interval"]
    assert hits.split() == ["hit_rate", "1.0", "0.0", "+1", "+1", "to", "+1", "*"]
    assert "of 20 questions of both runs, 20 changed" in list(report.lines())


def test_the_json_has_all_of_it() -> None:
    kept = json.loads(Report(NOW, compare(BEFORE, NOW)).json())
    assert (kept["hit_rate"], kept["stated_wrongly"], kept["p50_ms"]) == (0.6667, None, 9.0)
    assert kept["calibration"]["bins"][0]["questions"] == 1
    assert kept["comparison"]["figures"]["p50_ms"]["difference"] == 4
    assert [(one["question"], one["former"]["hit"], one["now"]["hit"]) for one in kept["comparison"]["changed"]] == [
        ("won before", True, False),
        ("lost before", False, True),
    ]
    assert kept["rows"][0]["confidence"] == 0.2
