"""How are the schemas and the table of the documentation made anew? With ``python -m config.generate``."""

from __future__ import annotations

from pathlib import Path

from config.json_schemas import write_schemas
from config.reference import replace_table

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

if __name__ == "__main__":
    write_schemas()
    PAGE.write_text(replace_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
