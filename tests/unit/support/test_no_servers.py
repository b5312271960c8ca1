"""Does a unit test that starts a server fail, whichever way it starts it?"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from services.embedded import embedded_services
from services.embedded.postgres import find_binaries
from tests.fixtures.redis import _binary
from tests.support.no_servers import refuse_fixtures


def test_one_that_asks_for_a_server_is_told_where_to_go() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"asks for postgres_server, redis_socket\..*tests/integration"):
        refuse_fixtures(["redis_url", "tmp_path", "redis_socket", "postgres_server"])
    refuse_fixtures(["tmp_path"])


def test_a_server_does_not_start_here() -> None:
    with pytest.raises(AssertionError, match=r"It starts .*redis-server.*tests/integration"):
        subprocess.run([_binary(), "--version"], check=False)


def test_one_that_others_shared_may_be_stopped_after_the_last_test(tmp_path: Path) -> None:
    command = [str(find_binaries() / "pg_ctl"), "stop", "-D", str(tmp_path)]
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0, "there is none to stop"


async def test_nor_does_one_behind_another_program(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="It starts"):
        await asyncio.create_subprocess_exec(sys.executable, "-c", "pass", _binary())
    with pytest.raises(AssertionError, match="It starts"):
        async with embedded_services(tmp_path, say=lambda _: None):
            pytest.fail("it started")


def test_a_stand_in_that_a_test_wrote_may_run(tmp_path: Path) -> None:
    stand_in = tmp_path / "redis-server"
    stand_in.write_text("#!/bin/sh\necho here\n")
    stand_in.chmod(0o755)
    assert subprocess.run([stand_in], check=True, capture_output=True).stdout == b"here\n"


def test_the_check_is_in_force_for_every_unit_test(request: pytest.FixtureRequest) -> None:
    def test_it(redis_url: str) -> None:
        assert redis_url

    item = pytest.Function.from_parent(request.node.parent, name="test_it", callobj=test_it)
    with pytest.raises(pytest.fail.Exception, match="asks for redis_socket"):
        item.ihook.pytest_runtest_setup(item=item)
