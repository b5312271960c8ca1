"""What runs in the child that tries a plugin of another package?

Reads one order from standard input as JSON and answers with one line of JSON. Limits come first; then imports made by
the plugin's own package, connections, programs started and files written are watched.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, NoReturn

HEALTH_TIMEOUT_S = 5.0
ALWAYS_ALLOWED = frozenset({"core", "plugins", "httpx", "pydantic", "numpy", "structlog"})
"""What the contract itself is made of."""
_STARTS_PROGRAMS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn")
_IMPORTERS = ("importlib", "_frozen_importlib", "_frozen_importlib_external", "plugins.framework.probe")


class NotDeclaredError(PermissionError):
    """The plugin did what its manifest does not declare."""


def main() -> None:
    """Carry out the order."""
    order = json.load(sys.stdin)
    # Whatever the plugin prints must not be taken for our answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        problem = _tried(order)
    except BaseException as error:  # the answer must be said, whatever a stranger's code raises
        problem = _said(error)
    answer.write("\n" + json.dumps({"problem": problem}) + "\n")
    answer.flush()
    # Threads the plugin left running must not hold the process.
    os._exit(0)


def _tried(order: dict[str, Any]) -> str:
    limits = order["limits"]
    memory = limits["memory_mb"] * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from plugins.framework import signatures
    from plugins.framework.references import resolve, validate_options

    # Our own modules are imported before anybody watches.
    watch = _Watch(order)
    sys.addaudithook(watch.hook)
    sys.meta_path.insert(0, watch)
    implementation = resolve(order["reference"])
    options = validate_options(implementation, order["config"], "config")
    return asyncio.run(_built(order, implementation, options, signatures.problems))


async def _built(order: dict[str, Any], implementation: Any, options: Any, problems_of: Any) -> str:
    import httpx

    from core.types import Health
    from plugins.interfaces import PluginContext

    async with httpx.AsyncClient(timeout=10) as http:
        plugin = implementation(options, PluginContext(http=http, data_dir=Path(order["folder"])))
        wrong = problems_of(order["kind"], plugin)
        if wrong:
            return f"it is no {order['kind']} plugin: {'; '.join(wrong)}."
        await plugin.start()
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                health = await plugin.health_check()
        except TimeoutError:
            return f"its health check did not answer within {HEALTH_TIMEOUT_S:g} s."
        if not isinstance(health, Health):
            return f"its health check returned {type(health).__name__}, not Health."
        await plugin.close()
    return ""


class _Watch:
    """Refuses what the manifest does not declare."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._own = order["reference"].split(":")[0].split(".")[0]
        self._folder = os.path.realpath(order["folder"])
        self._hosts = {host.casefold() for host in order["hosts"]}
        self._modules = ALWAYS_ALLOWED | sys.stdlib_module_names | {self._own} | _tops(order["modules"])
        self._resolved: set[str] = set()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by the interpreter before each audited action."""
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            self._names(arguments[0])
        elif event == "socket.connect":
            self._connects(arguments[1])
        elif event == "open":
            self._opens(arguments[0], arguments[2])
        elif event in _STARTS_PROGRAMS:
            _refuse("it starts other programs, which plugins must not")

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Asked by the interpreter for every module that is not there yet; finds none, only looks who asks."""
        top = name.split(".")[0]
        if top not in self._modules and _importer().split(".")[0] == self._own:
            _refuse(f"it imports {top}, which its plugin.yaml does not declare under modules")

    def _names(self, host: Any) -> None:
        name = (host.decode() if isinstance(host, bytes) else str(host)).casefold()
        if name not in self._hosts:
            _refuse(f"it calls {name}, which its plugin.yaml does not declare under hosts")
        import socket

        self._hosts.discard(name)
        try:
            self._resolved.update(str(item[4][0]) for item in socket.getaddrinfo(name, None))
        except OSError:
            pass
        finally:
            self._hosts.add(name)

    def _connects(self, address: Any) -> None:
        host = str(address[0]).casefold() if isinstance(address, tuple) else str(address)
        if host not in self._hosts and host not in self._resolved:
            _refuse(f"it connects to {host}, which its plugin.yaml does not declare under hosts")

    def _opens(self, path: Any, flags: Any) -> None:
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if not writes or not isinstance(path, str | bytes | os.PathLike):
            return
        real = os.path.realpath(os.fsdecode(path))
        if not real.startswith((self._folder + os.sep, "/dev/")):
            _refuse(f"it writes to {real}, outside the data folder it is given")


def _tops(modules: list[str]) -> set[str]:
    """Top-level modules of what is declared: each by its own name or by that of its package."""
    names = {module.split(".")[0] for module in modules}
    wanted = {name.casefold().replace("_", "-") for name in modules}
    for top, packages in importlib.metadata.packages_distributions().items():
        if any(package.casefold().replace("_", "-") in wanted for package in packages):
            names.add(top)
    return names


def _importer() -> str:
    """Module whose code asked for the import."""
    frame = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(_IMPORTERS) and name != "__main__":
            return name
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""


def _refuse(what: str) -> NoReturn:
    raise NotDeclaredError(what)


def _said(error: BaseException) -> str:
    from core.errors import KnowledgeFoundryError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NotDeclaredError):
            return f"{cause}."
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, KnowledgeFoundryError):
        return str(error)
    if isinstance(error, MemoryError):
        return "it needs more memory than a probe may have."
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


if __name__ == "__main__":
    main()
