"""How are other programs told?"""

from plugins.notifier.webhook.provider import WebhookNotifier

__all__ = ["WebhookNotifier"]
