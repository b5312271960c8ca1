"""How does something that people deleted go from every store, and how is that proved?

``tombstones`` end in one transaction that it answers and open a receipt; one engine, ``purge``, then removes and scans
what its ``scope`` says, and ``resume`` goes on with what was broken off. Others call ``service`` (documents,
collections, people) and ``organizations``.
"""
