"""A task while somebody works on it: who holds it, how far it is, and how workers hear of it.

The row is the truth; the queue only wakes. Others call ``LeaseKeeper``, ``TaskProgress`` and ``JobQueue``.
"""
