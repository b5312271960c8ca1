"""Who is signed in to the admin app, also after a page was loaded anew?

The browser keeps the tokens in a cookie that no script can read; this process keeps what became of them since. A
refresh token can be used once (see ``plugins/auth/jwt``), and a page that is open for hours gets no new cookie: whoever
comes with the old tokens is led to their successors.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from admin_app.api_client import ApiClient, ApiProblem, Tokens, gateway_url

SPARE_S = 60.0
"""Tokens that end so soon are renewed at once."""
REMEMBERED = 10_000
_Known = TypeVar("_Known")


class Sessions:
    """What became of tokens: a successor, or the end of the session. Called from several threads.

    Args:
        refresh: Exchanges a refresh token, once.
    """

    def __init__(self, refresh: Callable[[str], Tokens]) -> None:
        self._refresh = refresh
        self._successors: OrderedDict[str, Tokens] = OrderedDict()
        self._ended: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def current(self, tokens: Tokens) -> Tokens | None:
        """The tokens that hold now; None when the session has ended.

        Raises:
            ApiProblem: The gateway is away, or refused for another reason than the token.
        """
        # One at a time: a second tab with the same refresh token would end the session.
        with self._lock:
            newest = self._newest(tokens)
            if newest.refresh in self._ended:
                return None
            if newest.expires_at - time.time() > SPARE_S:
                return newest
            try:
                renewed = self._refresh(newest.refresh)
            except ApiProblem as problem:
                if problem.status != 401:
                    raise
                _remember(self._ended, newest.refresh, "")
                return None
            _remember(self._successors, newest.refresh, renewed)
            return renewed

    def end(self, tokens: Tokens, *, said: str = "") -> None:
        """The session is over; the sign-in page says ``said``, once."""
        with self._lock:
            _remember(self._ended, self._newest(tokens).refresh, said)

    def farewell(self, tokens: Tokens) -> str | None:
        """What the sign-in page is to say of a session that has ended; None when it has not."""
        with self._lock:
            last = self._newest(tokens).refresh
            said = self._ended.get(last)
            if said:
                self._ended[last] = ""
            return said

    def _newest(self, tokens: Tokens) -> Tokens:
        while (successor := self._successors.get(tokens.refresh)) is not None:
            tokens = successor
        return tokens


def _remember(memory: OrderedDict[str, _Known], key: str, value: _Known) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)


sessions = Sessions(lambda token: ApiClient(gateway_url()).refresh(token))
"""Those of this process: pages run in its threads."""
