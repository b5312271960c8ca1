"""What must a breaker do, wherever it counts?

A test class inherits ``BreakerRules`` and provides the fixture ``make``: something that makes breakers.
"""

from __future__ import annotations

from collections.abc import Callable

from plugins.llm.routing.breaker import BreakerKey, BreakerPolicy, Breakers, BreakerState
from tests.support.waiting import until

KEY = BreakerKey("openai", "gpt-4o")
OTHER = BreakerKey("openai", "gpt-4o-mini")
POLICY = BreakerPolicy(failures=3, pause_s=0.1, probe_s=0.2)

Make = Callable[[], Breakers]


async def fail(breakers: Breakers, times: int, key: BreakerKey = KEY) -> None:
    for _ in range(times):
        assert await breakers.admit(key)
        await breakers.failed(key)


async def until_admitted(breakers: Breakers) -> None:
    """Until the pause or the probe's time is over."""
    await until(lambda: breakers.admit(KEY))


class BreakerRules:
    """The suite."""

    async def test_opens_after_so_many_failures_in_a_row_and_then_refuses(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        assert breakers.states()[KEY] is BreakerState.OPEN
        assert not await breakers.admit(KEY)

    async def test_a_success_between_failures_begins_the_count_anew(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 2)
        await breakers.succeeded(KEY)
        await fail(breakers, 2)
        assert await breakers.admit(KEY)

    async def test_other_models_of_the_provider_go_on(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        assert await breakers.admit(OTHER)

    async def test_after_the_pause_one_probe_goes_and_its_success_closes(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        await until_admitted(breakers)
        assert breakers.states()[KEY] is BreakerState.HALF_OPEN
        assert not await breakers.admit(KEY)
        await breakers.succeeded(KEY)
        assert breakers.states()[KEY] is BreakerState.CLOSED
        await fail(breakers, 2)
        assert await breakers.admit(KEY)

    async def test_a_probe_that_fails_opens_it_again_at_once(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        await until_admitted(breakers)
        await breakers.failed(KEY)
        assert breakers.states()[KEY] is BreakerState.OPEN
        assert not await breakers.admit(KEY)

    async def test_a_probe_that_was_cancelled_leaves_the_place_to_another(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        await until_admitted(breakers)
        await breakers.released(KEY)
        assert await breakers.admit(KEY)

    async def test_a_probe_that_was_never_heard_of_again_does_not_close_the_way_for_ever(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        await until_admitted(breakers)
        await until_admitted(breakers)

    async def test_calls_that_end_well_while_it_is_open_do_not_close_it(self, make: Make) -> None:
        breakers = make()
        await fail(breakers, 3)
        await breakers.succeeded(KEY)
        assert breakers.states()[KEY] is BreakerState.OPEN
