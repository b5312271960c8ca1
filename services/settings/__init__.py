"""How settings are changed from inside, kept as versions, and noticed by every process.

What a setting means stands in ``config``; here is who saved it, when and why. Others call ``SettingsService``,
``saved`` and ``Watch``.
"""
