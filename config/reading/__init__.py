"""How files, saved settings and the environment become one tree, in the names of today.

Layers remember where a value came from; ``${VAR}`` and ``secret://`` are resolved here. Others call ``config.loader``.
"""
