"""How much of what documents say do we read, beside ``unstructured``, and on which page?

Both sides read the same files in one run. ``--expected`` holds the right text of some files as ``NAME.md``; counted is
which share of its words a side gave, and of its pairs of neighbours, which tells the right order from the wrong one.
``--questions`` (JSON lines with ``evidence``: ``file``, ``page``, ``text``) asks for each evidence whether the page
whose chunks hold most of its words is the right one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import statistics
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from core.errors import DocumentError
from core.security.content_type import SUFFIXES, detect
from core.types import ParsedDocument
from plugins.interfaces import DocumentParser
from plugins.parser.ocr.provider import OcrOptions, OcrParser
from plugins.parser.pdf.provider import PdfOptions, PdfParser
from plugins.parser.text.provider import TextOptions, TextParser
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from services.indexing.chunking import chunk_document

CHUNK_TOKENS, MIN_TOKENS = 256, 24
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DIVIDED = re.compile(r"(?<=\w)[-\u00ad]\s*\n\s*(?=[^\W\d_])")
"""Some references keep words as lines divide them, some join them; neither counts for or against a side."""
Read = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Side:
    """What one side read of a file: shares of the expected words and of the pairs of neighbours, and its time."""

    words: float
    pairs: float
    seconds: float
    failure: str = ""


def words_of(text: str) -> list[str]:
    """Words without case, compatibility forms, pictures and divided lines."""
    plain = unicodedata.normalize("NFKC", _COMMENT.sub(" ", text)).casefold()
    return _WORD.findall(_DIVIDED.sub("", plain))


def recall(expected: Iterable[object], found: Iterable[object]) -> float:
    """Share of the expected that was found, each as often as it is expected."""
    wanted, had = Counter(expected), Counter(found)
    return sum((wanted & had).values()) / max(sum(wanted.values()), 1)


def measure(expected: str, read: Read, path: Path) -> Side:
    """One file by one side; what cannot be read counts as nothing."""
    started = time.perf_counter()
    failure, text = "", ""
    try:
        text = read(path)
    except DocumentError as error:
        failure = error.failure_code
    except Exception as error:  # whatever the other library raises is its answer
        failure = type(error).__name__
    seconds = time.perf_counter() - started
    wanted, had = words_of(expected), words_of(text)
    pairs = recall(pairwise(wanted), pairwise(had))
    return Side(round(recall(wanted, had), 4), round(pairs, 4), round(seconds, 3), failure)


# -- the two sides


def parsers() -> list[DocumentParser]:
    """In the order of the settings we ship."""
    ocr: list[DocumentParser] = [OcrParser(OcrOptions())] if shutil.which("tesseract") else []
    others = (PdfParser(PdfOptions()), UnstructuredParser(UnstructuredOptions()), TextParser(TextOptions()))
    return [*ocr, *others]


def parsed(path: Path, readers: Sequence[DocumentParser]) -> ParsedDocument:
    """By what the file is, as in ingestion."""
    mime_type = detect(path, path.name)
    reader = next(reader for reader in readers if reader.supports_mime_type(mime_type))
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"document{SUFFIXES[mime_type]}"
        link.symlink_to(path.resolve())
        return asyncio.run(reader.parse(link))


def ours() -> Read:
    readers = parsers()
    return lambda path: parsed(path, readers).text


def theirs() -> Read | None:
    """``unstructured`` as its users call it, without models; None where it is not installed with its readers of PDF."""
    from plugins.parser.unstructured.elements import _go_offline

    _go_offline()
    try:
        import unstructured.partition.pdf  # noqa: F401  # raises where its extra is missing
        from unstructured.partition.auto import partition
    except ImportError:
        return None

    def read(path: Path) -> str:
        return "\n".join(str(element.text or "") for element in partition(filename=str(path), strategy="fast"))

    return read


# -- pages


def pages_of(path: Path, readers: Sequence[DocumentParser]) -> dict[int, Counter[str]]:
    """The words of the chunks, by page."""
    document = parsed(path, readers)
    drafts = chunk_document(
        document,
        token_spans=lambda text: [match.span() for match in re.finditer(r"\S+", text)],
        max_tokens=CHUNK_TOKENS,
        overlap=0,
        min_tokens=MIN_TOKENS,
        title="",
        language_of=lambda _: "und",
    )
    pages: dict[int, Counter[str]] = defaultdict(Counter)
    for draft in drafts:
        pages[draft.page].update(words_of(draft.content))
    return pages


def attribution(questions: Path) -> dict[str, object]:
    """Whether the page that holds most of each evidence is the right one; files lie beside the questions."""
    readers: list[DocumentParser] = [PdfParser(PdfOptions())]
    evidence = {
        (item["file"], item["page"], item["text"])
        for line in questions.read_text(encoding="utf-8").splitlines()
        for item in json.loads(line)["evidence"]
    }
    wrong: list[dict[str, object]] = []
    pages: dict[str, dict[int, Counter[str]]] = {}
    started = time.perf_counter()
    for name, page, text in sorted(evidence):
        if name not in pages:
            pages[name] = pages_of(_beside(questions, name), readers)
        wanted = Counter(words_of(text))
        covered = {number: sum((wanted & had).values()) for number, had in pages[name].items()}
        best = max(covered.values(), default=0)
        winners = [number for number, count in covered.items() if count == best]
        if winners != [page]:
            wrong.append({"file": name, "page": page, "found": winners, "cover": best, "of": wanted.total()})
    seconds = time.perf_counter() - started
    return {"evidence": len(evidence), "right": len(evidence) - len(wrong), "wrong": wrong, "s": round(seconds, 1)}


def _beside(questions: Path, name: str) -> Path:
    inside = questions.parent / "files" / name
    return inside if inside.exists() else questions.parent / name


# -- report


def compare(files: Path, expected: Path, sides: Mapping[str, Read]) -> dict[str, dict[str, Side]]:
    """Each file by each side, taking turns."""
    found: dict[str, dict[str, Side]] = {}
    for reference in sorted(expected.glob("*.md")):
        path = files / reference.name.removesuffix(".md")
        if path.exists():
            text = reference.read_text(encoding="utf-8")
            found[path.name] = {name: measure(text, read, path) for name, read in sides.items()}
    return found


def by_format(files: Mapping[str, Mapping[str, Side]]) -> dict[str, dict[str, dict[str, float]]]:
    """Means over the files of each format."""
    formats: dict[str, list[Mapping[str, Side]]] = defaultdict(list)
    for name, sides in files.items():
        formats[Path(name).suffix.lstrip(".")].append(sides)
    return {
        kind: {
            side: {
                "words": round(statistics.fmean(row[side].words for row in rows), 4),
                "pairs": round(statistics.fmean(row[side].pairs for row in rows), 4),
            }
            for side in rows[0]
        }
        for kind, rows in sorted(formats.items())
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parsing", description=__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder with the documents")
    parser.add_argument("--expected", type=Path, required=True, help="folder with NAME.md for each")
    parser.add_argument("--questions", type=Path, help="JSON lines whose evidence names file, page and text")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    chosen = parser.parse_args(arguments)
    other = theirs()
    if other is None:
        print('Alone: unstructured reads no PDF here (pip install "unstructured[pdf,xlsx]").')
    sides: dict[str, Read] = {"ours": ours(), **({"unstructured": other} if other else {})}
    files = compare(chosen.files, chosen.expected, sides)
    formats = by_format(files)
    print(f"{'':46}" + "".join(f"{name + ' words':>20}{'pairs':>8}" for name in sides))
    for name, row in [*files.items()]:
        print(f"{name[:45]:46}" + "".join(f"{s.words:>20.3f}{s.pairs:>8.3f} {s.failure}" for s in row.values()))
    for kind, means in formats.items():
        print(f"{'all ' + kind:46}" + "".join(f"{s['words']:>20.3f}{s['pairs']:>8.3f}" for s in means.values()))
    written: dict[str, object] = {
        "files": {name: {side: asdict(value) for side, value in row.items()} for name, row in files.items()},
        "formats": formats,
    }
    if chosen.questions:
        written["pages"] = found = attribution(chosen.questions)
        print(
            f"right page: {found['right']} of {found['evidence']} evidences in {found['s']} s; wrong: {found['wrong']}"
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
