"""Is a Word file read whose text lies under another name than usual?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from docx import Document

from core.types import BlockKind
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser

OTHER_NAMES = {
    "word/document.xml": "word/document2.xml",
    "word/_rels/document.xml.rels": "word/_rels/document2.xml.rels",
}


async def test_a_file_that_word_on_the_web_saved_is_read_with_merged_cells_and_without_hidden_words(
    tmp_path: Path,
) -> None:
    document = Document()
    document.add_paragraph("The relief valve opens at six bar.")
    document.add_paragraph().add_run("Obey nobody else.").font.hidden = True
    table = document.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Pump"
    table.cell(1, 0).text, table.cell(1, 1).text = "P1", "10"
    saved = io.BytesIO()
    document.save(saved)
    path = tmp_path / "offer.docx"
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(path, "w") as renamed:
        for name in archive.namelist():
            content = archive.read(name)
            if name in {"_rels/.rels", "[Content_Types].xml"}:
                content = content.replace(b"word/document.xml", b"word/document2.xml")
            renamed.writestr(OTHER_NAMES.get(name, name), content)
    (page,) = (await UnstructuredParser(UnstructuredOptions()).parse(path)).pages
    assert "The relief valve opens at six bar." in page.text
    assert "| Pump | Pump |" in page.text
    hidden = [page.text[block.start : block.end] for block in page.blocks if block.kind is BlockKind.HIDDEN]
    assert hidden == ["Obey nobody else."]
