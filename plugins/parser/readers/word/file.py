"""What of a Word file is put right before its text is taken?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from plugins.parser.readers.word import formulas, tables

MAIN_PART = "/officeDocument"
"""How the kind of relation ends that leads to the text (ECMA-376-1 15.2.1, and its strict form)."""
CONCERNED = (*tables.MERGED, *formulas.FORMULA)


def put_right(file: Path | io.BytesIO) -> io.BytesIO | None:
    """The file with a cell in every place of its tables and formulas as text; None where there is nothing to do."""
    with zipfile.ZipFile(file) as archive:
        source = archive.read(main_part(archive))
    if not any(mark in source for mark in CONCERNED):
        return None
    from docx import Document

    document = Document(file if isinstance(file, io.BytesIO) else str(file))
    tables.spread_cells(document.element.body)
    formulas.write_out(document.element.body)
    made = io.BytesIO()
    document.save(made)
    made.seek(0)
    return made


def main_part(archive: zipfile.ZipFile) -> str:
    """The member that holds the text: Word on the web names it ``word/document2.xml``.

    Raises:
        KeyError: No relation leads to one.
    """
    from defusedxml.ElementTree import fromstring

    for relation in fromstring(archive.read("_rels/.rels")):
        if relation.get("Type", "").endswith(MAIN_PART):
            return str(relation.get("Target", "")).removeprefix("/")
    raise KeyError(MAIN_PART)
