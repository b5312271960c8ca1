"""Which tags in Markdown are no words?"""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.parser.text import TextParser
from plugins.parser.text.provider import TextOptions
from plugins.parser.text.tags import without_tags


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("<ul>\n    <li>One</li>\n    <li class='x'>Two</li>\n</ul>\nEnd", "    - One\n    - Two\nEnd"),
        ("H<sub>2</sub>O and <b>bold</b><br/>next", "H2O and bold next"),
        ("| a<br>b | <img src='x.png'> c |", "| a b |  c |"),
        ("<td>40</td><td>50</td>", " 40  50"),
        ("Write <your name> or <ann@example.com>", "Write <your name> or <ann@example.com>"),
        ("a < b and c > d", "a < b and c > d"),
        ("Use `<li>` and ``<b>`x`` for <b>lists</b>", "Use `<li>` and ``<b>`x`` for lists"),
        ("```html\n<ul>\n```\n<ul>\nafter", "```html\n<ul>\n```\nafter"),
        ("plain\n\ntext", "plain\n\ntext"),
    ],
)
def test_tags_go_but_neither_code_nor_what_is_no_tag(markdown: str, shown: str) -> None:
    assert without_tags(markdown) == shown


def test_a_line_of_marks_is_read_in_no_time_worth_naming() -> None:
    marks = "<" + "`" * 100_000
    assert without_tags(marks) == marks


async def test_only_markdown_is_read_so(tmp_path: Path) -> None:
    texts = {}
    for suffix in (".md", ".txt"):
        path = tmp_path / f"document{suffix}"
        path.write_text("<b>Pump</b>")
        texts[suffix] = (await TextParser(TextOptions()).parse(path)).text
    assert texts == {".md": "Pump", ".txt": "<b>Pump</b>"}


async def test_a_file_of_nothing_but_tags_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "document.md"
    path.write_text("<hr>")
    assert (await TextParser(TextOptions()).parse(path)).text == "<hr>"
