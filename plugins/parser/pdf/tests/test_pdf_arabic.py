"""Do letters that share one sign stand in the order of the word?"""

from __future__ import annotations

from pathlib import Path

from plugins.parser.pdf.provider import PdfOptions, PdfParser

SIGNS = {"A": "\u0645", "B": "\u0644\u0627", "C": "\u0633", "D": "\u0627", "E": "\u0644"}
"""Mim, lam with alef as one sign, sin, alef, lam."""


def drawn(line: str) -> bytes:
    """A page on which these signs stand from left to right."""
    pairs = "\n".join(f"<{ord(key):02x}> <{text.encode('utf-16-be').hex()}>" for key, text in SIGNS.items())
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(SIGNS)} beginbfchar\n{pairs}\nendbfchar\n"
        "endcmap end end"
    )
    content = f"BT /F 24 Tf 72 700 Td ({line}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F 4 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
        *(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream" for stream in (content, to_unicode)),
    ]
    made, places = "%PDF-1.4\n", []
    for number, written in enumerate(objects, start=1):
        places.append(len(made))
        made += f"{number} 0 obj\n{written}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF"
    return f"{made}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


async def said(folder: Path, line: str) -> str:
    path = folder / "page.pdf"
    path.write_bytes(drawn(line))
    return (await PdfParser(PdfOptions()).parse(path)).text.strip()


async def test_lam_and_alef_of_one_sign_stand_in_the_order_of_the_word(tmp_path: Path) -> None:
    assert await said(tmp_path, "ABC") == "\u0633\u0644\u0627\u0645"


async def test_alef_and_lam_of_two_signs_stay_as_they_are(tmp_path: Path) -> None:
    assert await said(tmp_path, "ACED") == "\u0627\u0644\u0633\u0645"
