"""How untrusted files are read: in children with limits of memory, time and files, and without a network.

Others call ``ParserPool`` for text and ``PageDrawer`` for pictures of pages.
"""
