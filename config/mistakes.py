"""How is a wrong setting told to a person?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.notices import Notice
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from config.models import Settings

_SECRET_KEY = re.compile(r"(^|[._-])(api_?key|secret|secret_key|password|token|private_key|credentials?|dsn)$", re.I)
_LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")
MASK = "********"
_NEXT = "Correct them and start again."


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


class IncompleteSettingsError(ConfigurationError):
    """Nothing is wrong but variables that are not set.

    Attributes:
        settings: What the settings would be; what needs the variables is empty.
        page: The mistakes and notices, for a page that tells more.
    """

    def __init__(self, settings: Settings, page: Sequence[str]) -> None:
        super().__init__(_page(page), next_step=_NEXT)
        self.settings = settings
        self.page = tuple(page)


def refuse(mistakes: Sequence[Mistake], notices: Sequence[Notice] = (), *, settings: Settings | None = None) -> None:
    """Raise one error that lists all mistakes, and the notices behind them.

    Args:
        settings: What they would be, if variables that are not set are all that is wrong.

    Raises:
        IncompleteSettingsError: There is a mistake, and ``settings`` are given.
        ConfigurationError: There is a mistake.
    """
    if not mistakes:
        return
    lines = [
        *map(str, dict.fromkeys(mistakes)),
        *map(str, dict.fromkeys(notices)),
    ]
    if settings is not None:
        raise IncompleteSettingsError(settings, lines)
    raise ConfigurationError(_page(lines, wrong=len(set(mistakes))), next_step=_NEXT)


def _page(lines: Sequence[str], *, wrong: int = 0) -> str:
    count = "One setting is" if wrong == 1 else f"{wrong} settings are"
    title = f"{count} wrong" if wrong else "Something is missing"
    listing = "\n".join(f"  {line}" for line in lines)
    return f"{title}; nothing was started.\n{listing}\n"
