"""How does a formula of a Word file become a line of text?

Office Math (ISO/IEC 29500-1, 22.1) as people type it: ``(a+b)/2``, ``x^2``, ``a_n``, ``√(x)``. ``unstructured`` leaves
formulas out.
"""

from __future__ import annotations

from typing import Any

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
FORMULA = (b"<m:oMath",)
KEEP_BLANKS = "{http://www.w3.org/XML/1998/namespace}space"


def write_out(body: Any) -> None:
    """Put the text of every formula in its place."""
    for formula in [*body.iter(f"{MATH}oMath")]:
        # One of a line of its own lies in a frame.
        framed = formula.getparent().tag == f"{MATH}oMathPara"
        place = formula.getparent() if framed else formula
        if place.getparent() is None or place.getparent().tag != f"{WORD}p":
            continue
        run = place.makeelement(f"{WORD}r")
        text = run.makeelement(f"{WORD}t", {KEEP_BLANKS: "preserve"})
        text.text = f" {said(formula).strip()} "
        run.append(text)
        place.addprevious(run)
        formula.getparent().remove(formula)


def said(element: Any) -> str:
    """A formula, or a part of one, on one line."""
    parts = {child.tag.removeprefix(MATH): child for child in element if isinstance(child.tag, str)}

    def of(name: str) -> str:
        return said(parts[name]) if name in parts else ""

    match element.tag.removeprefix(MATH):
        case "t":
            return element.text or ""
        case "f":
            return f"{_held(of('num'))}/{_held(of('den'))}"
        case "sSup" | "sSub" | "sSubSup" | "sPre" | "limLow" | "limUpp":
            above = of("lim") if element.tag == f"{MATH}limUpp" else of("sup")
            below = of("lim") if element.tag == f"{MATH}limLow" else of("sub")
            return f"{of('e')}{_at('_', below)}{_at('^', above)}"
        case "nary":
            sign = _property(element, "naryPr", "chr", "∫")
            return f"{sign}{_at('_', of('sub'))}{_at('^', of('sup'))} {of('e')}"
        case "rad":
            return f"{of('deg')}√({of('e')})"
        case "d":
            inside = ", ".join(said(part) for part in element.findall(f"{MATH}e"))
            return f"{_property(element, 'dPr', 'begChr', '(')}{inside}{_property(element, 'dPr', 'endChr', ')')}"
        case "func":
            return f"{of('fName')} {of('e')}"
        case "eqArr" | "m":
            return "; ".join(said(part) for part in element if part.tag in (f"{MATH}e", f"{MATH}mr"))
        case "mr":
            return ", ".join(said(part) for part in element)
        case _:
            return "".join(said(child) for child in element if isinstance(child.tag, str))


def _held(part: str) -> str:
    """Together: in brackets unless it is one word or number."""
    return part if part.isalnum() else f"({part})"


def _at(mark: str, part: str) -> str:
    return f"{mark}{_held(part)}" if part else ""


def _property(element: Any, group: str, name: str, usual: str) -> str:
    """A sign that a formula says, which may be none."""
    found = element.find(f"{MATH}{group}/{MATH}{name}")
    return str(found.get(f"{MATH}val", "")) if found is not None else usual
