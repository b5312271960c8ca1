"""How people are told what happened, without anybody waiting for it.

``messages`` says what, ``batches`` which files belong together, ``notifications`` to whom. Others call
``Notifications``.
"""
