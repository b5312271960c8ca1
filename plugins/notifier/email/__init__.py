"""How is mail sent?"""

from plugins.notifier.email.provider import EmailNotifier

__all__ = ["EmailNotifier"]
