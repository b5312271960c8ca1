"""How plugins are found, checked, built, probed, fenced and set aside.

It knows no implementation. Others call ``PluginManager``, ``discover``, ``resolve`` and ``Quarantine``.
"""
