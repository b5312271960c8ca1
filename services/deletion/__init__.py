"""How something that people deleted goes from every store, and what proves it.

``tombstones`` end in one transaction that it answers and open a receipt; one engine, ``purge``, then removes and scans
what its ``scope`` says, and ``resume`` goes on with what was broken off. Others call ``RemovalService`` (documents,
collections, people), ``OrganizationDeletion``, ``Unfinished`` and ``Stores``.
"""
