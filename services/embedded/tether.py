"""How does a child die with its parent, and as which user does it run?

Run as a script between parent and child: ``python -I tether.py PARENT_PID DEATH_SIGNAL UID GID COMMAND...``. It drops
root if asked, tells the kernel which signal to send when the parent dies (Linux; prctl(2), PR_SET_PDEATHSIG), and
becomes the command. A script rather than ``preexec_fn``, because Python must not run between fork and exec of a
process that has threads. The kernel forgets the wish when credentials change, so the order of the steps matters; and
it watches the thread that forked, so whoever uses this starts children from a thread that lives as long as he does.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
KEEP = -1
"""As UID and GID: stay who you are."""


def main(arguments: list[str]) -> int:
    """Become the command; returns only when that is impossible (127) or the parent is gone already (0)."""
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    command = arguments[4:]
    if gid != KEEP:
        os.setgroups([])
        os.setgid(gid)
    if uid != KEEP:
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        return 0
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell on purpose; the command is the supervisor's own
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
