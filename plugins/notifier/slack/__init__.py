"""How do messages get into Slack?"""

from plugins.notifier.slack.provider import SlackNotifier

__all__ = ["SlackNotifier"]
