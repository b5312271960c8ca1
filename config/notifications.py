"""Which settings say who is told what?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.section import Section

Event = Literal["document.ready", "document.failed", "batch.ended", "health.alarm", "health.recovered"]

UPLOADER = "uploader"
"""A recipient that stands for whoever uploaded the document."""


class NotificationRule(Section):
    """Who is told what, by which notifier."""

    notifier: str = Field(min_length=1, description="Name of an entry of plugins.notifiers.")
    events: tuple[Event, ...] = Field(min_length=1, description="What is told.")
    recipients: tuple[str, ...] = Field(
        min_length=1, description="In the notifier's terms; `uploader` is the address of whoever uploaded the document."
    )


class NotificationSettings(Section):
    """Notices; they need the feature flag notifications and a notifier that is enabled."""

    rules: tuple[NotificationRule, ...] = Field((), description="Who is told what: notifier, events, recipients.")
    filenames: bool = Field(
        False, description="Name documents to fixed recipients too; whoever uploaded one is always told its name."
    )
    collect_s: float = Field(20.0, ge=0, le=3600, description="Documents that end within so long share one notice.")
    timeout_s: float = Field(120.0, gt=0, le=3600, description="Longest time for one notice, all attempts together.")
    health_interval_s: float = Field(
        30.0, gt=0, le=3600, description="Between two looks at the plugins; two bad ones in a row are an alarm."
    )
