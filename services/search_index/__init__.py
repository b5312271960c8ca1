"""What is kept of a version so that it can be found: chunks, term statistics, vectors, and in which index each is.

It knows tables and stores, and nothing of uploads or questions. Others call ``Indexes``, ``LexicalIndex`` and the
functions of ``chunks`` and ``vectors``.
"""
