"""How is a wrong setting told to a person?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import ConfigurationError

_SECRET_KEY = re.compile(r"(^|[._-])(api_?key|secret|secret_key|password|token|private_key|credentials?|dsn)$", re.I)
_LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")
MASK = "********"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong setting.

    Attributes:
        where: File or layer it stands in.
        found: What stands there, secrets masked.
        allowed: What may stand there.
    """

    where: str
    key: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}\n    found:   {self.found}\n    allowed: {self.allowed}"


def is_secret(key: str) -> bool:
    """Whether a dotted key names something nobody should read."""
    return _SECRET_KEY.search(key) is not None


def masked(key: str, value: object) -> str:
    """The value as it may be shown; an empty secret shows as empty, so that a missing one is seen."""
    if value is None or value == "":
        return "(empty)" if value == "" else "(not set)"
    if is_secret(key):
        return MASK
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {masked(f'{key}.{name}', item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(masked(key, item) for item in value) + "]"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _LOGIN_IN_URL.sub(f"{MASK}@", text)


def refuse(mistakes: Sequence[Mistake]) -> None:
    """Raise one error that lists all mistakes.

    Raises:
        ConfigurationError: There is at least one.
    """
    if not mistakes:
        return
    count = "One setting is" if len(mistakes) == 1 else f"{len(mistakes)} settings are"
    listing = "\n".join(f"  {mistake}" for mistake in dict.fromkeys(mistakes))
    raise ConfigurationError(
        f"{count} wrong; nothing was started.\n{listing}\n", next_step="Correct them and start again."
    )
