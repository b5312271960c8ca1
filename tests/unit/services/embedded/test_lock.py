"""Does one process at a time own a data folder, and is an abandoned lock recognised?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from services.embedded.lock import LOCK_NAME, holder, only_instance

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom services.embedded.lock import only_instance\n"
    "with only_instance(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
)


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ConfigurationError, match=f"as process {other.pid}.*--data-dir"):
            with only_instance(tmp_path):
                pytest.fail("two hold the lock")
        assert holder(tmp_path) == other.pid
        other.kill()


def test_the_lock_of_a_killed_process_is_stale_and_taken_over(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        other.kill()
        other.wait(timeout=10)
    assert (tmp_path / LOCK_NAME).read_text().strip() == str(other.pid)
    with only_instance(tmp_path) as lock:
        assert lock.left_by == other.pid
        assert (tmp_path / LOCK_NAME).read_text().strip() == str(os.getpid())


def test_after_a_clean_end_nobody_is_blamed(tmp_path: Path) -> None:
    with only_instance(tmp_path) as lock:
        assert lock.left_by is None
    assert holder(tmp_path) is None
    with only_instance(tmp_path) as lock:
        assert lock.left_by is None


def test_a_folder_nobody_ever_used_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
