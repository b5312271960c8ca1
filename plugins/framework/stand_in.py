"""What runs in the place of an entry whose settings cannot hold on this machine?

A plugin class may have a class method ``stand_in(options) -> StandIn | None``, asked before it is built.
"""

from __future__ import annotations

from pydantic import BaseModel

from core.errors import KnowledgeFoundryError
from plugins.framework.manifest import Entry
from plugins.framework.references import resolve, validate_options
from plugins.interfaces import StandIn


def stand_in_for(entry: Entry, where: str) -> StandIn | None:
    """What stands in for an entry; None when nothing must, or when it is wrong, which the manager will say."""
    try:
        implementation = resolve(entry.plugin)
        options: BaseModel = validate_options(implementation, entry.config, where)
    except KnowledgeFoundryError:
        return None
    asked = getattr(implementation, "stand_in", None)
    found = asked(options) if asked is not None else None
    return found if isinstance(found, StandIn) else None


def what_is_wrong(entry: Entry, where: str) -> str:
    """Why an entry cannot be built, as far as that can be told without building it; empty when nothing is known."""
    try:
        validate_options(resolve(entry.plugin), entry.config, where)
    except KnowledgeFoundryError as error:
        return str(error)
    return ""
