"""How something goes for good, from every store, and what proves it.

A tombstone at once, a purge afterwards, a scan at the end, a receipt throughout. Others call ``RemovalService``,
``Purge``, ``Unfinished`` and ``Stores``.
"""
