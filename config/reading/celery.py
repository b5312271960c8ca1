"""What does a section ``celery`` say to a queue that is RQ on Redis?

Its broker is our queue's Redis. The rest describes how Celery packs messages and keeps results; ours are JSON anyhow,
and what became of a task stands in PostgreSQL.
"""

from __future__ import annotations

from typing import Any, Literal

import pydantic
from pydantic import Field

from config.mistakes import Mistake, masked
from config.notices import Notice
from config.section import Section

BROKER = r"^(rediss?|unix)://\S+$"


class Celery(Section):
    """What Celery is told, as far as its configuration is usually written down."""

    broker_url: str = Field("redis://localhost:6379/0", pattern=rf"{BROKER}|\$\{{")
    result_backend: str = ""
    task_serializer: Literal["json"] = "json"
    accept_content: tuple[Literal["json"], ...] = ("json",)
    result_serializer: Literal["json"] = "json"
    timezone: str = "UTC"
    enable_utc: bool = True


def celery_as_queue(content: dict[str, Any], origin: str, notices: list[Notice], mistakes: list[Mistake]) -> None:
    """Take ``celery`` out of a layer and put its broker where the queue looks for it."""
    section = content.pop("celery", None)
    if section is None:
        return
    try:
        Celery.model_validate(section)
    except pydantic.ValidationError as error:
        mistakes.extend(_as_mistake(dict(item), origin) for item in error.errors(include_url=False))
        return
    broker = section.get("broker_url")
    queue = content.setdefault("queue", {})
    if broker and isinstance(queue, dict):
        queue.setdefault("broker_url", broker)
    notices.append(
        Notice(
            origin,
            "celery",
            "read as the address of the queue, which is RQ: broker_url is queue.broker_url; results are kept in "
            "PostgreSQL and messages are JSON, so that its other keys change nothing.",
        )
    )


def _as_mistake(problem: dict[str, Any], origin: str) -> Mistake:
    key = ".".join(["celery", *(str(part) for part in problem["loc"])])
    allowed = {
        "extra_forbidden": f"one of {', '.join(Celery.model_fields)}",
        "string_pattern_mismatch": "an address of Redis: redis://host:6379/0, rediss:// or unix://",
        "model_type": "a mapping of keys",
        "literal_error": str(problem.get("ctx", {}).get("expected", "")),
    }.get(problem["type"]) or str(problem["msg"]).removeprefix("Input should be ")
    return Mistake(origin, key, masked(key, problem["input"]), allowed)
