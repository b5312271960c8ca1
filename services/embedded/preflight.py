"""Can we start here at all? Ports, disk space and folder, asked before anything is started."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import psutil

from core.errors import ConfigurationError

LEAST_FREE_BYTES = 500 * 1024**2
LOOPBACK = "127.0.0.1"


def prepare_folder(data_dir: Path) -> Path:
    """Make the data folder, readable by its owner only, and return its absolute path.

    Raises:
        ConfigurationError: It cannot be made or written.
    """
    folder = data_dir.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Root runs PostgreSQL as somebody else, who has to pass through.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {folder} cannot be used: {error.strerror}.",
            next_step="Choose another one: foundry up --data-dir FOLDER, or set FOUNDRY_DATA_DIR.",
        ) from error
    return folder


def require_space(folder: Path, *, least_bytes: int = LEAST_FREE_BYTES) -> None:
    """Refuse to start on a disk that is nearly full, where a store would stop in the middle of a write.

    Raises:
        ConfigurationError: Fewer than ``least_bytes`` are free.
    """
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise ConfigurationError(
            f"The disk of {folder} is nearly full: {free // 1024**2} MB are free, {least_bytes // 1024**2} MB are "
            "needed to start.",
            next_step="Free some space, or put the data elsewhere: foundry up --data-dir FOLDER.",
        )


def require_port(port: int, *, what: str, option: str, host: str = LOOPBACK) -> None:
    """Refuse to start when somebody else listens on a port.

    Args:
        what: Who wants the port, as people call it ("the chat").
        option: The command line option that changes it.

    Raises:
        ConfigurationError: The port is taken or may not be used; names the process if it can be found out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do; otherwise a port in TIME_WAIT after a quick restart would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise ConfigurationError(
                f"Port {port} for {what} may not be used by this account.",
                next_step=f"Choose one above 1023: {option} PORT.",
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} for {what} is taken{_by_whom(port)}.",
                next_step=f"Stop that program, or use another port: {option} {free_port()}.",
            ) from error


def free_port(host: str = LOOPBACK) -> int:
    """A port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _by_whom(port: int) -> str:
    """The listening process in words; empty where the system does not tell (other users' processes, macOS)."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, PermissionError):
        return ""
    for connection in connections:
        at_port = getattr(connection.laddr, "port", None) == port
        if at_port and connection.status == psutil.CONN_LISTEN and connection.pid:
            try:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""
