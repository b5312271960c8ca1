"""What must a notifier be able to do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from core.types import JsonValue
from plugins.interfaces.plugin import Plugin


class NotificationProvider(Plugin, Protocol):
    """Tells people outside the application."""

    async def send(
        self, recipient: str, subject: str, message: str, metadata: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Send one message.

        Args:
            recipient: In the service's own terms, such as a mail address.
            metadata: Facts for machines; a plugin that writes to people may leave them out.

        Raises:
            ValidationError: The recipient is none, or subject and message are both blank.
        """

    async def send_batch(self, recipients: Sequence[str], subject: str, message: str) -> Mapping[str, str]:
        """Send to each, once, one after all others or side by side; a failure does not keep it from the rest.

        Returns:
            Every recipient → empty when it was sent, else why not, in words.
        """
