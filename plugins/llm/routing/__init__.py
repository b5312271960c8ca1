"""Which model answers a request, and what happens when it does not.

Routes, breakers, streams that begin anew elsewhere, and prices. Others call ``Router``, ``Breakers`` and
``TextStream``.
"""
