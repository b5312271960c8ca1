"""Are formulas of Word files read?"""

from __future__ import annotations

from pathlib import Path

import pytest
from docx import Document
from docx.oxml import parse_xml

from plugins.parser.readers.word.formulas import said
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser

NAMES = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def t(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


SQUARE = f"<m:sSup><m:e>{t('r')}</m:e><m:sup>{t('2')}</m:sup></m:sSup>"
HALF = f"<m:f><m:num>{t('a+b')}</m:num><m:den>{t('2')}</m:den></m:f>"
SUM = (
    f"<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>{t('n=1')}</m:sub><m:sup>{t('k')}</m:sup>"
    f"<m:e><m:sSub><m:e>{t('a')}</m:e><m:sub>{t('n')}</m:sub></m:sSub></m:e></m:nary>"
)
BRACKETS = f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=''/></m:dPr><m:e>{t('x')}</m:e><m:e>{t('y')}</m:e></m:d>"
MATRIX = f"<m:m><m:mr><m:e>{t('1')}</m:e><m:e>{t('2')}</m:e></m:mr><m:mr><m:e>{t('3')}</m:e></m:mr></m:m>"


@pytest.mark.parametrize(
    ("formula", "line"),
    [
        (f"{t('A=π')}{SQUARE}", "A=πr^2"),
        (HALF, "(a+b)/2"),
        (SUM, "∑_(n=1)^k a_n"),
        (BRACKETS, "[x, y"),
        (f"<m:rad><m:deg>{t('3')}</m:deg><m:e>{t('x')}</m:e></m:rad>", "3√(x)"),
        (f"<m:func><m:fName>{t('cos')}</m:fName><m:e>{t('x')}</m:e></m:func>", "cos x"),
        (f"<m:limLow><m:e>{t('lim')}</m:e><m:lim>{t('n→∞')}</m:lim></m:limLow>", "lim_(n→∞)"),
        (MATRIX, "1, 2; 3"),
        ("<m:box/>", ""),
    ],
)
def test_a_formula_is_a_line_as_people_type_it(formula: str, line: str) -> None:
    assert said(parse_xml(f"<m:oMath {NAMES}>{formula}</m:oMath>")) == line


async def test_formulas_stand_where_they_stood(tmp_path: Path) -> None:
    document = Document()
    paragraph = document.add_paragraph("The area is ")
    paragraph._p.append(parse_xml(f"<m:oMath {NAMES}>{t('A=π')}{SQUARE}</m:oMath>"))
    paragraph.add_run(" as a rule.")
    alone = document.add_paragraph()
    two = f"<m:oMath>{HALF}</m:oMath><m:oMath>{SUM}</m:oMath>"
    alone._p.append(parse_xml(f"<m:oMathPara {NAMES}>{two}</m:oMathPara>"))
    document.save(str(tmp_path / "formulas.docx"))
    text = (await UnstructuredParser(UnstructuredOptions()).parse(tmp_path / "formulas.docx")).text
    assert [" ".join(line.split()) for line in text.split("\n\n")] == [
        "The area is A=πr^2 as a rule.",
        "(a+b)/2 ∑_(n=1)^k a_n",
    ]
