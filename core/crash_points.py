"""Where can the process die in the midst of a change?

Each step that a crash could cut is named in the code with ``crash_point``. In the product that does nothing; tests arm
it to kill or to stop the process exactly there, and hold afterwards that nothing was lost and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Callable

Action = Callable[[str], None]
_armed: list[Action] = []


def crash_point(name: str) -> None:
    """A step that may be the last one; ``name`` is ``subject.step`` and stands in the code once."""
    for action in _armed:
        action(name)


def arm(action: Action) -> None:
    """Call ``action`` with the name of every point from now on; for tests only, and for the life of the process."""
    _armed.append(action)
