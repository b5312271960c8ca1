"""How a command finds the stores: those of a running ``foundry up``, its own for the moment, or outside ones.

It starts processes, brings the schema up to date, and knows no command. Others call ``any_stack``, ``own_stack`` and
``processes``.
"""
