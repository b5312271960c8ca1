"""Which plugins stay out until somebody lets them in again?

One that blocked its whole process twice. The note lies in a file, for the process that writes it is about to end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

FILE = Path("run") / "set-aside.json"


class Quarantine:
    """Offences and exclusions of the plugins of one installation, by ``kind/name``."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE

    def excluded(self) -> Mapping[str, str]:
        """Why each one is out."""
        return {key: note["reason"] for key, note in self._read().items() if note.get("out") == "yes"}

    def offend(self, key: str, reason: str, *, may_exclude: bool) -> bool:
        """Note an offence; whether the plugin is out from now on, which is so at the second."""
        notes = self._read()
        out = key in notes and may_exclude
        notes[key] = {"reason": reason, "at": datetime.now(UTC).isoformat(), "out": "yes" if out else "no"}
        self._write(notes)
        return out

    def restore(self, key: str) -> bool:
        """Let it in again at the next start; whether it was noted."""
        notes = self._read()
        noted = notes.pop(key, None) is not None
        self._write(notes)
        return noted

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("set_aside_unreadable", path=str(self._path), reason=str(error))
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, notes: Mapping[str, Mapping[str, str]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
        fresh.replace(self._path)
