"""What becomes of directives and roles of reStructuredText that docutils does not know?

Sphinx and its extensions have hundreds; their words are text like any other. As Sphinx does, the two functions by which
docutils looks them up are replaced while a text is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive, directives, roles
from docutils.utils import unescape

CODE = frozenset({"code", "code-block", "sourcecode", "parsed-literal", "literalinclude", "prompt", "highlight"})
"""Their content is shown as it was written, and what they say of lines and languages is nobody's text."""
UNREAD = frozenset({"contents", "include", "index", "only", "raw", "sectnum", "tabularcolumns", "toctree"})
"""Directives that say nothing to a reader, or would read another file; the content of ``only`` is read all the same."""


class _AnyOption(dict[str, Callable[[str], Any]]):
    """Every option is allowed, and nobody asks what it says."""

    def __bool__(self) -> bool:
        return True

    def __missing__(self, name: str) -> Callable[[str], Any]:
        return lambda value: value or ""


class _Words(Directive):
    """Its argument and content are text."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOption()

    def run(self) -> Sequence[nodes.Node]:
        found = nodes.container()
        name = self.name.lower()
        if self.arguments and name not in UNREAD:
            words, messages = self.state.inline_text(self.arguments[0], self.lineno)
            found += nodes.paragraph("", "", *words, *messages)
        if name == "only" or name not in UNREAD:
            self.state.nested_parse(self.content, self.content_offset, found)
        return [found]


class _Code(_Words):
    """Its content stays as it was written."""

    def run(self) -> Sequence[nodes.Node]:
        written = "\n".join(self.content)
        return [nodes.literal_block(written, written)] if written else []


class _Picture(_Words):
    """Also in the place of a name (``|logo|``), whatever is asked of its size."""

    def run(self) -> Sequence[nodes.Node]:
        return [nodes.image()]


def _words(_: str, raw: str, text: str, *__: object, **___: object) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """What a role shows: of ``title <target>`` the title."""
    shown = unescape(text)
    title, _, _ = shown.rpartition("<") if shown.endswith(">") else ("", "", "")
    return [nodes.inline(raw, title.strip() or shown.lstrip("!~"))], []


_OWN = {**dict.fromkeys(CODE, _Code), **dict.fromkeys(UNREAD, _Words), "image": _Picture}


@contextmanager
def of_any_name() -> Iterator[None]:
    """Read what docutils does not know as words."""
    known_directive, known_role = directives.directive, roles.role

    def directive(name: str, *asked: Any) -> tuple[Any, list[Any]]:
        if own := _OWN.get(name.lower()):
            return own, []
        found, messages = known_directive(name, *asked)
        return found or _Words, messages

    def role(name: str, *asked: Any) -> tuple[Any, list[Any]]:
        found, messages = known_role(name, *asked)
        return found or _words, messages

    vars(directives)["directive"], vars(roles)["role"] = directive, role
    try:
        yield
    finally:
        vars(directives)["directive"], vars(roles)["role"] = known_directive, known_role
