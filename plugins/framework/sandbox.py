"""May a plugin of another package come in?

It is imported, built, started and asked for its health in a child process first: limited in memory and time, without
our environment, allowed only the modules and hosts its manifest declares. What goes wrong there stays there.
Afterwards it runs with everything else: the sandbox finds honest mistakes, it does not hold an attacker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import ConfigurationError
from plugins.framework.installed import Offered

MAX_ANSWER = 100_000
ADDRESS_OPTIONS = ("base_url", "url", "endpoint", "host")


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What a probe may cost."""

    memory_mb: int = 4096
    cpu_s: int = 60
    wall_s: float = 60.0


async def probe(offered: Offered, kind: str, config: Mapping[str, Any], *, limits: ProbeLimits | None = None) -> None:
    """Try a plugin in a limited child.

    Raises:
        ConfigurationError: It did not stand the test; says why.
    """
    limits = limits or ProbeLimits()
    manifest = offered.manifest
    if manifest is None:
        raise ConfigurationError(offered.problem)
    with tempfile.TemporaryDirectory(prefix="foundry-probe-") as folder:
        order = {
            "kind": kind,
            "reference": offered.reference,
            "config": dict(config),
            "modules": list(manifest.modules),
            "hosts": [*manifest.hosts, *_hosts(config)],
            "limits": asdict(limits),
            "folder": folder,
        }
        answer = await _ask(order, Path(folder), limits)
    if answer.get("problem"):
        raise ConfigurationError(f"{offered.reference} of {offered.package}: {answer['problem']}")


async def _ask(order: Mapping[str, Any], folder: Path, limits: ProbeLimits) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "plugins.framework.probe",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True, env=_environment(folder),
    )  # fmt: skip
    try:
        async with asyncio.timeout(limits.wall_s):
            out, _ = await process.communicate(json.dumps(order).encode())
    except TimeoutError:
        return {"problem": f"it was not ready within {limits.wall_s:g} s."}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    lines = out[-MAX_ANSWER:].splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    return {"problem": f"it brought its process down ({_ended(process.returncode)})."}


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return "too much computing time" if name == "SIGXCPU" else f"signal {name}"
    return f"exit code {code}"


def _hosts(config: Mapping[str, Any]) -> list[str]:
    """Hosts the operator named in the options."""
    named = [str(config[key]) for key in ADDRESS_OPTIONS if config.get(key)]
    return [urlsplit(name if "://" in name else f"//{name}").hostname or name for name in named]


def _environment(folder: Path) -> dict[str, str]:
    """What a probe needs; no key or password of ours."""
    kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")
    return {
        **{key: os.environ[key] for key in kept if key in os.environ},
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
