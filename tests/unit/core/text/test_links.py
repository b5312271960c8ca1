"""Which links of an answer can be clicked?"""

from __future__ import annotations

import re

import pytest

from core.text.links import inert

HOUSE = ("intranet.alpha.example", "*.docs.example")
OUTWARD = re.compile(r"\]\([^)`]*(?::|//)|<https?:|(?<!`)\bhttps?://(?![^`]*`)|(?<!`)\bwww\.", re.IGNORECASE)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("See [the form](https://evil.example/?q=secret).", "See the form (`https://evil.example/?q=secret`)."),
        ("![chart](https://evil.example/p.png?d=42)", "chart (`https://evil.example/p.png?d=42`)"),
        ("![](http://evil.example/p.png)", "(`http://evil.example/p.png`)"),
        ("Visit https://evil.example/a, please.", "Visit `https://evil.example/a`, please."),
        ("Visit www.evil.example.", "Visit `www.evil.example`."),
        ("Visit <https://evil.example>.", "Visit `https://evil.example`."),
        ("[a](//evil.example/x)", "a (`//evil.example/x`)"),
        ("[a](/\\evil.example)", "a (`/\\evil.example`)"),
        ("[a](javascript:alert(1))", "a (`javascript:alert(1)`)"),
        ("[a](&#104;ttps://evil.example)", "a (`&#104;ttps://evil.example`)"),
        ("[a](<https://evil.example/a b>)", "a (`https://evil.example/a b`)"),
        ('[a](https://evil.example "title")', "a (`https://evil.example`)"),
        (
            "[![p](https://evil.example/p)](https://evil.example)",
            "p (`https://evil.example/p`) (`https://evil.example`)",
        ),
        ("[![p](https://evil.example/p)](/here)", "p (`https://evil.example/p`) (`/here`)"),
        ('<img src="//evil.example/p">', '&lt;img src="//evil.example/p">'),
        ("[ref]: //evil.example", "[ref] : //evil.example"),
    ],
)
def test_what_leads_elsewhere_is_text_with_its_address(written: str, shown: str) -> None:
    assert inert(written) == shown


@pytest.mark.parametrize(
    "written",
    [
        "The valve opens at 6 bar. [1]",
        "It costs 5 EUR [1]: see below [2].",
        "[page 3](/files/3)",
        "[the wiki](https://intranet.alpha.example/a?b=c)",
        "https://wiki.docs.example/x",
        "Set `url = https://evil.example` in the file.",
        "```python",
        "x < y and a > b",
    ],
)
def test_what_stays_in_the_house_stays_as_it_is(written: str) -> None:
    assert inert(written, HOUSE) == written


@pytest.mark.parametrize(
    "pieces",
    [
        ("[Click. ", "Here](https://evil.example/)"),
        ("[a](", "//evil.example)"),
        ("Use ` here. ", "`https://evil.example` there."),
        ("[a. ", "b]: //evil.example"),
        ("[x](<https://evil.example/a b. ", "c>)"),
    ],
)
def test_halves_of_a_link_in_two_sentences_make_none(pieces: tuple[str, str]) -> None:
    text = "".join(inert(piece) for piece in pieces)

    assert OUTWARD.search(text) is None
    assert "](" not in text
    assert "]:" not in text


def test_a_host_that_only_looks_like_an_allowed_one_is_not() -> None:
    for address in (
        "https://intranet.alpha.example.evil.example/",
        "https://intranet.alpha.example@evil.example/",
        "https://evildocs.example/",
        "ftp://intranet.alpha.example/",
    ):
        assert inert(f"[a]({address})", HOUSE) == f"a (`{address}`)"
