"""Do the tokens of an administrator go on when they are renewed, and end when they should?"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from admin_app.api_client import ApiProblem, Tokens
from admin_app.sessions import Sessions
from admin_app.sign_in import cookie_name


class Issuer:
    """Gives a refresh token's successor once, as the gateway does."""

    def __init__(self, *, lives_s: float) -> None:
        self.lives_s = lives_s
        self.used: set[str] = set()
        self.away = False

    def __call__(self, token: str) -> Tokens:
        if self.away:
            raise ApiProblem("away", 0)
        if token in self.used or not token.startswith("r"):
            raise ApiProblem("The session has ended.", 401)
        self.used.add(token)
        number = int(token[1:]) + 1
        return Tokens(f"a{number}", f"r{number}", time.time() + self.lives_s)


def _expired() -> Tokens:
    return Tokens("a0", "r0", time.time() - 1)


def test_old_tokens_lead_to_their_successors_however_many_ask_at_once() -> None:
    sessions = Sessions(Issuer(lives_s=3600))
    together = Barrier(4)

    def ask(_: int) -> Tokens | None:
        together.wait()
        return sessions.current(_expired())

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(ask, range(4)))
    assert {tokens.access for tokens in found if tokens} == {"a1"}
    assert None not in found


def test_tokens_that_hold_are_used_as_they_are() -> None:
    issuer = Issuer(lives_s=3600)
    tokens = Tokens("a0", "r0", time.time() + 3600)
    assert Sessions(issuer).current(tokens) is tokens
    assert issuer.used == set()


def test_an_ended_session_is_ended_for_all_its_tokens_and_says_farewell_once() -> None:
    sessions = Sessions(Issuer(lives_s=3600))
    old = _expired()
    renewed = sessions.current(old)
    assert renewed is not None
    assert sessions.farewell(old) is None
    sessions.end(renewed, said="Until tomorrow.")
    assert sessions.current(old) is None
    assert sessions.current(renewed) is None
    assert [sessions.farewell(old), sessions.farewell(old)] == ["Until tomorrow.", ""]


def test_what_the_gateway_refuses_has_ended_and_a_gateway_that_is_away_ends_nothing() -> None:
    issuer = Issuer(lives_s=3600)
    issuer.away = True
    sessions = Sessions(issuer)
    with pytest.raises(ApiProblem):
        sessions.current(_expired())
    issuer.away = False
    assert sessions.current(_expired()) is not None
    assert Sessions(issuer).current(_expired()) is None


def test_a_cookie_gives_back_what_was_written_and_nothing_else() -> None:
    tokens = Tokens("a.b.c", "kfr_x-y", 1_800_000_000.0)
    assert Tokens.read(tokens.written()) == tokens
    for other in (None, "", "a.b.c", "1|2", "|r|a", "soon|r|a", "1|r|a|b"):
        assert Tokens.read(other) is None


def test_two_admin_apps_on_one_machine_keep_their_cookies_apart() -> None:
    hosts = ("localhost:8501", "localhost:8502", "admin.example", "[::1]:8501", "[::1]", None)
    assert [cookie_name(host) for host in hosts] == [
        "kf_admin_8501",
        "kf_admin_8502",
        "kf_admin",
        "kf_admin_8501",
        "kf_admin",
        "kf_admin",
    ]
