"""How is a piece of a document quoted, without the marks it was written with?"""

from __future__ import annotations

import re

BULLETS = ("-", "*", "•", "–", ">")
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|`+|~~)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
_LEFT_OVER = re.compile(r"\*\*|__(?=\W|$)")


def plain(text: str) -> str:
    """On one line, without the marks of lists, quotations, headings, emphasis and links; numbers of lists stay."""
    line = " ".join(text.split())
    while line.startswith((*BULLETS, "#")) and (bare := line.lstrip("-*•–>#").lstrip()) != line:
        if line[0] == "-" and bare[:1].isdigit() and line[1:2].isdigit():
            break  # a negative number
        line = bare
    for _ in range(2):
        line = _EMPHASIS.sub(r"\2", line)
    return _LEFT_OVER.sub("", _LINK.sub(r"\1", line)).strip()
