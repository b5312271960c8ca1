"""Which words of a web page or a Word file does no reader see?

By what stands at the element itself or in a style sheet of the page; what a sheet in another file or a script says is
not known. They become blocks of their own, which are in no chunk (``BlockKind.HIDDEN``).
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import BlockKind
from plugins.parser.readers.pieces import Piece, squeezed
from plugins.parser.readers.web.style_sheets import with_styles_in_place
from plugins.parser.readers.word.file import main_part

if TYPE_CHECKING:
    from lxml.etree import _Element

WARNING = "The file holds words that a reader does not see; they were left out."
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0*)?(?=\s*(?:;|!|$))"
    r"|font-size\s*:\s*[01](?:\.\d+)?\s*(?:px|pt|em|%)?(?=\s*(?:;|!|$)))",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:^|;)\s*(color|background(?:-color)?)\s*:\s*([^;!]+)", re.IGNORECASE)
_WHITE = frozenset({"white", "#fff", "#ffffff", "rgb(255,255,255)", "transparent", "rgba(0,0,0,0)"})
_SHEET = re.compile(rb"<style\b", re.IGNORECASE)
_MAY_HIDE = re.compile(rb"hidden|display|visibility|opacity|font-size|color", re.IGNORECASE)


def without_unseen(html: str | bytes) -> tuple[str | None, list[Piece]]:
    """The page without what is hidden, and that; None for a page that hides nothing."""
    from lxml import html as parser
    from lxml.etree import ParserError

    if not _MAY_HIDE.search(html if isinstance(html, bytes) else html.encode("utf-8", "replace")):
        return None, []
    page = decoded(html)
    if _SHEET.search(page if isinstance(page, bytes) else page.encode("utf-8", "replace")):
        page = with_styles_in_place(page)
    try:
        tree = parser.document_fromstring(page)
    except (ParserError, ValueError):
        return None, []
    pieces: list[Piece] = []
    for element in tree.xpath("//body//*[@style or @hidden]"):
        if element.getparent() is None or not _hides(element):
            continue
        if said := squeezed(element.text_content()):
            pieces.append((BlockKind.HIDDEN, 0, said))
        element.drop_tree()
    return (str(parser.tostring(tree, encoding="unicode")), pieces) if pieces else (None, [])


def decoded(html: str | bytes) -> str | bytes:
    """As UTF-8 where it is; else the parser obeys what the page says of itself."""
    if isinstance(html, bytes):
        try:
            html = html.decode("utf-8-sig")
        except UnicodeDecodeError:
            return html
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", html)


def _hides(element: Any) -> bool:
    style = element.get("style") or ""
    if element.get("hidden") is not None or _HIDING.search(style):
        return True
    return _colour(element, "color") in _WHITE and _ground(element) in _WHITE


def _ground(element: Any) -> str:
    """The colour behind an element, as far as styles at it and around it say; paper is white."""
    for around in (element, *element.iterancestors()):
        if found := _colour(around, "background") or _colour(around, "background-color"):
            return found
        if around.get("bgcolor"):
            return str(around.get("bgcolor")).casefold()
    return "white"


def _colour(element: Any, name: str) -> str:
    found = {match[1].casefold(): match[2] for match in _COLOUR.finditer(element.get("style") or "")}
    return "".join(found.get(name, "").casefold().split())


def word_without_unseen(file_path: Path) -> tuple[io.BytesIO | None, list[Piece]]:
    """The file without runs that are hidden, white or smaller than any print, and those; None when there are none."""
    from lxml import etree

    with zipfile.ZipFile(file_path) as archive:
        body = main_part(archive)
        source = archive.read(body)
        if not any(mark in source for mark in (b"w:vanish", b'"FFFFFF"', b'"ffffff"', b'<w:sz w:val="1"', b'"2"/>')):
            return None, []
        tree = etree.fromstring(source, etree.XMLParser(resolve_entities=False, no_network=True))
        pieces: list[Piece] = []
        for run in list(tree.iter(f"{WORD}r")):
            said = squeezed("".join(text.text or "" for text in run.iter(f"{WORD}t")))
            if said and _run_hides(run):
                pieces.append((BlockKind.HIDDEN, 0, said))
                run.getparent().remove(run)
        if not pieces:
            return None, []
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
            for name in dict.fromkeys(archive.namelist()):
                copy.writestr(name, etree.tostring(tree) if name == body else archive.read(name))
    made.seek(0)
    return made, pieces


def _run_hides(run: _Element) -> bool:
    properties = run.find(f"{WORD}rPr")
    if properties is None:
        return False
    vanish = properties.find(f"{WORD}vanish")
    if vanish is not None and vanish.get(f"{WORD}val", "true") not in ("0", "false"):
        return True
    size, colour = properties.find(f"{WORD}sz"), properties.find(f"{WORD}color")
    if size is not None and size.get(f"{WORD}val") in ("1", "2"):
        return True
    shaded = any(
        around.find(f".//{WORD}shd") is not None for around in (run, *run.iterancestors(f"{WORD}tc", f"{WORD}p"))
    )
    return colour is not None and (colour.get(f"{WORD}val") or "").upper() == "FFFFFF" and not shaded
