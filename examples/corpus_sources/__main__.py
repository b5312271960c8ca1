"""Write every binary document of the sample corpus; the same bytes each time."""

from __future__ import annotations

from pathlib import Path

from examples.corpus_sources import manual, office, reports, sheets

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def main() -> None:
    """All of them."""
    for write in (*manual.DOCUMENTS, *reports.DOCUMENTS, *office.DOCUMENTS, *sheets.DOCUMENTS):
        name, content = write()
        (CORPUS / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
