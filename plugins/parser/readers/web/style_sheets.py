"""Which elements of a web page does its own style sheet hide?

The rules of ``<style>`` elements are weighed as a browser weighs them: of those that say something about a property,
the most specific counts, and of equal ones the last (CSS Cascading and Inheritance 4, 6). What only print or a script
would change is left aside, and so are sheets in other files, which are never fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

PROPERTIES = ("display", "visibility", "opacity", "font-size", "color", "background", "background-color")
"""Those by which text is hidden."""
MAX_RULES = 500
_HIDES = {
    "display": re.compile("none"),
    "visibility": re.compile("hidden|collapse"),
    "opacity": re.compile(r"0(?:\.0*)?(?!\.?\d)"),
    "font-size": re.compile(r"[01](?:\.\d+)?(?!\d)"),
    "color": re.compile(r"white|#fff(?:fff)?\b|rgba?\(\s*255|transparent|rgba\(\s*0,\s*0,\s*0,\s*0"),
}
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ELSEWHERE = re.compile(
    r"@(?:media[^{]*\b(?:print|speech)\b|font-face|page|keyframes)[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", re.IGNORECASE
)
_RULE = re.compile(r"([^{};]+)\{([^{}]*)\}")
_DECLARATION = re.compile(r"(?:^|;)\s*([a-z-]+)\s*:\s*([^;]+)", re.IGNORECASE)

Weight = tuple[bool, int, int, int, int]
"""Importance, ids, classes, names, place."""


class Rule(NamedTuple):
    """One selector and what it says."""

    selector: str
    weight: Weight
    declarations: dict[str, str]


def with_styles_in_place(html: str | bytes) -> str | bytes:
    """The page with what its sheets say of hiding properties written at the elements themselves."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "lxml")
    rules = list(_rules("\n".join(style.get_text() for style in soup.find_all("style"))))
    hiding = {name for rule in rules for name, value in rule.declarations.items() if _may_hide(name, value)}
    asked = hiding | ({"background", "background-color"} if "color" in hiding else set())
    if not hiding:
        return html
    said: dict[int, dict[str, tuple[Weight, str]]] = {}
    elements: dict[int, Tag] = {}
    for rule in [rule for rule in rules if not asked.isdisjoint(rule.declarations)][:MAX_RULES]:
        for element in _selected(soup, rule.selector):
            elements[id(element)] = element
            _add(said.setdefault(id(element), {}), rule)
    for key, element in elements.items():
        inline = str(element.get("style", ""))
        own = {name.lower() for name, _ in _DECLARATION.findall(inline)}
        sheet = [f"{name}: {value}" for name, (weight, value) in said[key].items() if weight[0] or name not in own]
        element["style"] = "; ".join([inline, *sheet]) if inline else "; ".join(sheet)
    return str(soup)


def _add(known: dict[str, tuple[Weight, str]], rule: Rule) -> None:
    for name, value in rule.declarations.items():
        weight = ("!important" in value, *rule.weight[1:])
        if name not in known or known[name][0] <= weight:
            known[name] = (weight, value)


def _may_hide(name: str, value: str) -> bool:
    return bool(_HIDES[name].match(value)) if name in _HIDES else False


def _rules(sheet: str) -> Iterator[Rule]:
    plain = _ELSEWHERE.sub(" ", _COMMENT.sub(" ", sheet))
    for place, (selectors, body) in enumerate(_RULE.findall(plain)):
        found = ((name.lower(), value.strip().lower()) for name, value in _DECLARATION.findall(body))
        if declarations := {name: value for name, value in found if name in PROPERTIES}:
            for selector in filter(None, map(str.strip, selectors.split(","))):
                yield Rule(selector, _weight(selector, place), declarations)


def _weight(selector: str, place: int) -> Weight:
    """By Selectors 4, 17; pseudo-classes with arguments count as one class."""
    ids = len(re.findall(r"#[\w-]+", selector))
    classes = len(re.findall(r"\.[\w-]+|\[[^\]]*\]|(?<!:):[\w-]+", selector))
    names = len(re.findall(r"(?:^|[\s>+~])[a-zA-Z][\w-]*|::[\w-]+", selector))
    return False, ids, classes, names, place


def _selected(soup: BeautifulSoup, selector: str) -> list[Tag]:
    from soupsieve import SelectorSyntaxError

    try:
        return list(soup.select(selector))
    except (SelectorSyntaxError, NotImplementedError, ValueError):
        return []
