"""Which files does a department hand in on a bad day?"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from tests.fixtures.documents import pdf_pages

NAMES = (
    "Bericht",
    "отчёт",
    "報告書",
    "تقرير",
    "αναφορά",
    "보고서",
    "दस्तावेज़",
    "raport ąę",
    "zpráva",
    "📄 note",
    "a'b\"c; --",
)


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file, and how reading it must end; a failure code, or none for one that answers."""

    name: str
    content: bytes
    number: int
    failure: str | None = None

    @property
    def phrase(self) -> str:
        """Words that no other file has."""
        return f"Valve K{self.number} opens at {self.number + 3} bar."


def generated(count: int, *, corrupt: int, duplicates: int, encrypted: int, seed: int) -> list[GeneratedFile]:
    """So many files in random order; duplicates have the name and the content of another one."""
    chance = random.Random(seed)
    kinds = ["corrupt"] * corrupt + ["encrypted"] * encrypted
    kinds += ["text"] * (count - len(kinds) - duplicates)
    files = [_file(number, kind, chance) for number, kind in enumerate(kinds)]
    whole = [file for file in files if file.failure is None]
    files += chance.sample(whole, duplicates)
    chance.shuffle(files)
    return files


def _file(number: int, kind: str, chance: random.Random) -> GeneratedFile:
    name = f"{chance.choice(NAMES)} {number}"
    lines = [f"Valve K{number} opens at {number + 3} bar.", f"It is looked after every {number % 90 + 1} days."]
    if kind == "corrupt":
        whole = pdf_pages([lines])
        return GeneratedFile(f"{name}.pdf", whole[: len(whole) // 2], number, "corrupt")
    if kind == "encrypted":
        return GeneratedFile(f"{name}.pdf", _encrypted(lines), number, "encrypted")
    suffix = chance.choice(["txt", "md", "html", "csv", "pdf"])
    return GeneratedFile(f"{name}.{suffix}", _written(lines, suffix), number)


def _written(lines: list[str], suffix: str) -> bytes:
    if suffix == "pdf":
        return pdf_pages([lines, ["The second page says what the first one says."]])
    if suffix == "html":
        return f"<html><body><h1>Valves</h1>{''.join(f'<p>{line}</p>' for line in lines)}</body></html>".encode()
    if suffix == "csv":
        return "\n".join(["sentence,source", *(f'"{line}",manual' for line in lines)]).encode()
    return "\n\n".join(lines).encode()


def _encrypted(lines: list[str]) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption("secret", canPrint=0))
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 20 * number, line)
    canvas.save()
    return buffer.getvalue()
