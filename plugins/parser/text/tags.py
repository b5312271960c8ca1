"""What do the tags of web pages in a Markdown file say?

They are shown by no reader of Markdown. Tags that are not HTML's stay (``<your name>``), and so does all in code.
"""

from __future__ import annotations

import re

FENCE = re.compile(r"\s*(?:```|~~~)")
_NAMES = (
    "a|abbr|article|aside|b|blockquote|br|caption|center|cite|code|dd|del|details|div|dl|dt|em|figcaption|figure|font|"
    "footer|h[1-6]|header|hr|i|img|ins|kbd|li|main|mark|nav|ol|p|pre|s|section|small|span|strong|sub|summary|sup|"
    "table|tbody|td|tfoot|th|thead|tr|u|ul"
)
_TAG = re.compile(rf"<(/?)({_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_CODE = re.compile(r"(?<!`)(`++).+?(?<!`)\1(?!`)")
"""From a run of backticks to the next one of the same length (CommonMark 6.1); a run is tried once, however long."""
_APART = {"br", "td", "th", "dt", "dd", "p", "div"}


def without_tags(markdown: str) -> str:
    """The text line by line without tags; items of lists keep a mark, and lines of nothing but tags go."""
    lines: list[str] = []
    is_fenced = False
    for line in markdown.split("\n"):
        if FENCE.match(line):
            is_fenced = not is_fenced
        if is_fenced or "<" not in line:
            lines.append(line)
        elif shown := _shown(line):
            lines.append(shown)
    return "\n".join(lines)


def _shown(line: str) -> str:
    parts, position = [], 0
    for code in _CODE.finditer(line):
        parts += [_TAG.sub(_said, line[position : code.start()]), code.group()]
        position = code.end()
    return "".join([*parts, _TAG.sub(_said, line[position:])]).rstrip()


def _said(tag: re.Match[str]) -> str:
    is_end, name = bool(tag[1]), tag[2].lower()
    if name == "li":
        return "" if is_end else "- "
    return " " if name in _APART else ""
