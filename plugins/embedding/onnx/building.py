"""Who builds the model's file, and with what memory?

A process of its own does, which ends: building takes four times the memory that running takes, and what a process has
once used it seldom gives back.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from core.errors import ProviderUnavailableError
from plugins.embedding.onnx.encoders import ENCODERS
from plugins.embedding.onnx.graph_builder import build

log = structlog.get_logger(__name__)

QUANTIZE = "--quantize"


def ensure_built(model: str, weights_file: Path, target: Path, *, quantize: bool) -> None:
    """Build ``target`` if it is not there; of processes that want it at once one builds, the others wait for it.

    Raises:
        ProviderUnavailableError: It could not be built; says why.
    """
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_file():
            return
        log.info("embedding_model_building", model=model)
        command = [sys.executable, "-m", __name__, model, str(weights_file), str(target)]
        child = subprocess.run([*command, *([QUANTIZE] if quantize else [])], capture_output=True, text=True)
        if child.returncode:
            said = child.stderr.strip().splitlines()[-1:] or [f"the process ended with {child.returncode}"]
            raise ProviderUnavailableError(
                f"The embedding model {model} could not be built in {target.parent}: {said[0]}",
                next_step="Building needs about 700 MB of memory and 200 MB of disk, once. Make room and start again.",
            )


def main(arguments: Sequence[str]) -> None:
    """MODEL WEIGHTS_FILE TARGET [--quantize]"""
    model, weights_file, target, *options = arguments
    build(ENCODERS[model].read_weights(Path(weights_file)), Path(target), quantize=QUANTIZE in options)


if __name__ == "__main__":
    main(sys.argv[1:])
