"""How are files of old Word and PowerPoint (doc, ppt) read?

LibreOffice makes new ones of them. It runs with a profile of its own in the parser's folder, in which macros, active
content and links to other files are switched off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from core.errors import DocumentError
from plugins.parser.readers.pieces import corrupt, encrypted

PROGRAM = "soffice"
FILTERS = {"docx": "docx:MS Word 2007 XML", "pptx": "pptx:Impress MS PowerPoint 2007 XML"}
START_AGAIN = (79, 81)
"""Its exit codes for this wish."""
INSTALL = "apt-get install libreoffice-writer-nogui libreoffice-impress-nogui"
_WORD, _WORD_ENCRYPTED = "WordDocument", 0x0100
_SLIDES, _SLIDES_ENCRYPTED = "Current User", (0xF3D1C4DF).to_bytes(4, "little")
_SWITCHES = {
    "/org.openoffice.Office.Common/Security/Scripting": {
        "DisableMacrosExecution": "true",
        "MacroSecurityLevel": "3",
        "DisableActiveContent": "true",
        "BlockUntrustedRefererLinks": "true",
        "DisableOLEAutomation": "true",
    },
    "/org.openoffice.Office.Writer/Content/Update": {"Link": "0", "Field": "false"},
}


def program() -> str | None:
    """Where LibreOffice is; None when it is not installed."""
    return shutil.which(PROGRAM)


def converted(file_path: Path, new_format: str, folder: Path, timeout_s: float) -> Path:
    """The file in its new format, in ``folder``.

    Raises:
        DocumentError: A password protects it, or LibreOffice is not there, cannot open it, or takes too long.
    """
    if _is_encrypted(file_path):
        raise encrypted()
    command = program()
    if command is None:
        raise DocumentError(
            f"Old Office files ({file_path.suffix.lstrip('.')}) are read through LibreOffice, which is not installed.",
            failure_code="program_missing",
            next_step=f"Save it as {new_format} and upload that, or ask the operator to install it ({INSTALL}).",
        )
    profile = folder / "profile"
    _write_profile(profile)
    until = time.monotonic() + timeout_s
    # With a new profile it may ask to be started again. The socket of the first start, whose name is made of the
    # profile's path, still lies in /tmp, where the limited process removes nothing: so the profile is moved.
    for place in (profile, folder / "again"):
        profile = profile.rename(place)
        arguments = [
            *(_itself(command), "--headless", "--norestore", "--nolockcheck", "--nologo", "--nodefault"),
            f"-env:UserInstallation=file://{place}",
            *("--convert-to", FILTERS[new_format], "--outdir", str(folder), str(file_path)),
        ]
        if _run(arguments, folder, max(until - time.monotonic(), 0.0), timeout_s) not in START_AGAIN:
            break
    made = folder / f"{file_path.stem}.{new_format}"
    if not made.is_file():
        raise corrupt("Word" if new_format == "docx" else "PowerPoint")
    return made


def _is_encrypted(path: Path) -> bool:
    """Whether the file says so of itself, by [MS-DOC] 2.5.2 (fEncrypted) and [MS-PPT] 2.3.2 (headerToken)."""
    import olefile

    try:
        with olefile.OleFileIO(str(path)) as file:
            if file.exists(_WORD):
                flags = file.openstream(_WORD).read(12)[10:12]
                return bool(int.from_bytes(flags, "little") & _WORD_ENCRYPTED)
            if file.exists(_SLIDES):
                return bytes(file.openstream(_SLIDES).read(16)[12:16]) == _SLIDES_ENCRYPTED
    except (OSError, ValueError, IndexError, TypeError):
        # Damaged; LibreOffice may still make something of it.
        return False
    return False


def _itself(command: str) -> str:
    """The program behind the command, whose script only looks for Java and shows a picture."""
    behind = Path(command).resolve().with_name("soffice.bin")
    return str(behind) if behind.is_file() else command


def folder() -> tempfile.TemporaryDirectory[str]:
    """For the profile and the new file; gone with everything in it after use."""
    return tempfile.TemporaryDirectory(prefix="old-office-")


def _run(arguments: list[str], folder: Path, left_s: float, timeout_s: float) -> int:
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={**kept, "HOME": str(folder), "TMPDIR": str(folder)},
        process_group=0,
    )
    try:
        return process.wait(left_s)
    except subprocess.TimeoutExpired:
        raise DocumentError(
            f"LibreOffice took longer than {timeout_s:g} seconds to open the file.",
            failure_code="parse_timeout",
            next_step="Save it in the new format and upload that.",
        ) from None
    finally:
        # The command starts the program proper, which would go on without it.
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _write_profile(profile: Path) -> None:
    items = "".join(
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, values in _SWITCHES.items()
        for name, value in values.items()
    )
    user = profile / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{items}</oor:items>",
        encoding="utf-8",
    )
