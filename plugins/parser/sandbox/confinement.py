"""What does a process that reads untrusted files give up before the first one?

Memory, files and time beyond its share; the network (a namespace of its own where the kernel allows one, and a filter
that refuses sockets); files outside its folder (Landlock, from Linux 5.13); the memory of other processes. Each layer
is taken where the kernel has it, and none replaces another. Nothing here can be taken back.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import socket
import struct
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_FILTER = 2
MAX_OUTPUT_FILE = 200_000_000
MAX_OPEN_FILES = 256

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls of Landlock, the same on every machine."""
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_SOCKET = 1 << 9
REFER, TRUNCATE, DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_CONTROL
READ = EXECUTE | READ_FILE | READ_DIR
NET_TCP = 3
SCOPE_SOCKETS_AND_SIGNALS = 3

SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/opt", "/nix/store", "/etc/ld.so.cache", "/etc/ld.so.conf",
    "/etc/ld.so.conf.d", "/etc/localtime", "/etc/fonts", "/etc/libreoffice", "/etc/alternatives", "/etc/mime.types",
    "/var/cache/fontconfig", "/var/lib/libreoffice", "/var/spool/libreoffice", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/stat", "/sys/devices/system", "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
"""Programs, libraries and fonts; no settings, no data, and nothing of other processes."""
DEVICES = ("/dev/null",)
SOCKETS = "/tmp"  # noqa: S108  # where the starter of LibreOffice insists on a socket
"""Here sockets may be made, but no file, and nothing removed: the parent does that (``folders.remove_sockets``)."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Numbers of system calls on one kind of machine."""

    architecture: int
    """As the audit subsystem names it."""
    socket: int
    connect: int
    into_others: tuple[int, ...]
    """ptrace, process_vm_readv, process_vm_writev, bpf."""


CALLS = {
    "x86_64": Calls(0xC000003E, 41, 42, (101, 310, 311, 321)),
    "aarch64": Calls(0xC00000B7, 198, 203, (117, 270, 271, 280)),
}
IO_URING_SETUP = 425
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Where a filter finds them."""
ALLOW, DENY = 0x7FFF0000, 0x00050000 | 13
"""Return values of a filter: go on, or the error EACCES."""


def confine(folder: Path, memory_mb: int) -> None:
    """Give everything up. ``folder`` alone stays writable."""
    _limit(memory_mb)
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        # A killed worker leaves no reader behind, not even one in the midst of a file.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if libc.unshare(CLONE_NEWNET) != 0:
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _keep_to(libc, folder)
        _refuse_calls(libc)
    socket.socket.connect = _refuse  # type: ignore[method-assign]  # on purpose
    socket.socket.connect_ex = _refuse  # type: ignore[method-assign]  # on purpose
    socket.getaddrinfo = _refuse


def _limit(memory_mb: int) -> None:
    memory = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_OUTPUT_FILE, MAX_OUTPUT_FILE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))


def _refuse(*_: object, **__: object) -> NoReturn:
    raise PermissionError("parsers have no network")


# -- files


def keeps_to_its_folder() -> bool:
    """Whether this kernel can keep a process to its folder."""
    return sys.platform == "linux" and _landlock(ctypes.CDLL(None, use_errno=True)) > 0


def _landlock(libc: ctypes.CDLL) -> int:
    """The version of Landlock; -1 without."""
    version: int = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return version


def _keep_to(libc: ctypes.CDLL, folder: Path) -> None:
    """Landlock: read programs and libraries, write into the folder, and nothing else.

    https://docs.kernel.org/userspace-api/landlock.html
    """
    version = _landlock(libc)
    if version < 1:
        return
    handled = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
    attributes = struct.pack(
        "=QQQ", handled, NET_TCP if version >= 4 else 0, SCOPE_SOCKETS_AND_SIGNALS if version >= 6 else 0
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    if rules < 0:
        return
    try:
        for path in (*SYSTEM, *_code()):
            _allow(libc, rules, Path(path), READ & handled)
        _allow(libc, rules, Path(SOCKETS), MAKE_SOCKET)
        for path in DEVICES:
            _allow(libc, rules, Path(path), OF_FILES & ~EXECUTE & handled)
        _allow(libc, rules, folder, handled & ~EXECUTE)
        libc.syscall(RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = access if path.is_dir() else access & OF_FILES
        libc.syscall(ADD_RULE, rules, 1, struct.pack("=Qi", allowed, opened), 0)
    finally:
        os.close(opened)


def _code() -> Iterable[str]:
    """Where Python and what it imports stand: whole installations, but of other folders their packages only, since
    settings and data may lie beside our own code."""
    installed = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    yield from installed
    ours = Path(__file__).resolve().parents[3]
    for place in {*(Path(entry).resolve() for entry in sys.path), ours}:
        if not place.is_dir():
            yield str(place)
        elif not any(place.is_relative_to(prefix) for prefix in installed):
            yield from (str(package.parent) for package in place.glob("*/__init__.py"))
            yield from (str(module) for module in place.glob("*.py"))


# -- system calls


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """No socket but between own processes, no connection, no look into another process.

    https://docs.kernel.org/userspace-api/seccomp_filter.html
    """
    known = CALLS.get(platform.machine())
    if known is None:
        return
    program = _program(known)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    length_and_place = struct.pack("@HP", len(program), ctypes.addressof(code))
    libc.prctl(PR_SET_SECCOMP, SECCOMP_FILTER, length_and_place, 0, 0)


def _program(known: Calls) -> list[tuple[int, int, int, int]]:
    """Steps (operation, jump if so, jump if not, value); a jump counts from the next step."""
    refused = [known.connect, *known.into_others, IO_URING_SETUP]
    steps: list[tuple[int, str, str, int]] = [
        (LOAD, "", "", ARCHITECTURE),
        (IF_EQUAL, "", "deny", known.architecture),
        (LOAD, "", "", NUMBER),
        # The other numbering of x86 machines.
        (IF_AT_LEAST, "deny", "", 0x40000000),
        *[(IF_EQUAL, "deny", "", call) for call in refused],
        (IF_EQUAL, "", "allow", known.socket),
        (LOAD, "", "", ARGUMENTS),
        (IF_EQUAL, "allow", "deny", socket.AF_UNIX),
        (RETURN, "", "", ALLOW),
        (RETURN, "", "", DENY),
    ]
    size = len(steps)
    places = {"allow": size - 2, "deny": size - 1, "": 0}
    return [
        (operation, max(places[so] - number - 1, 0), max(places[not_so] - number - 1, 0), value)
        for number, (operation, so, not_so, value) in enumerate(steps)
    ]
