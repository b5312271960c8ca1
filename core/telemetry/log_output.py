"""Where do log lines go: a standard stream, or a file?"""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

from core.errors import ConfigurationError


def handler_for(output: str) -> logging.Handler:
    """A handler that writes to ``stdout``, ``stderr`` or a file, whose folder is made and which may be rotated away.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if output in ("stderr", "stdout"):
        return logging.StreamHandler(getattr(sys, output))
    path = Path(output).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.WatchedFileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"observability.logging.output: {path} cannot be written: {error.strerror}.",
            next_step="Name a file this user may write, stderr or stdout.",
        ) from error
