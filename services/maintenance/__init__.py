"""What is looked after while nobody watches: expired rows, retention, vectors, statistics, files.

Each kind is a round with a report; one runs at a time over all workers. Others call ``rounds_of`` and ``Rounds``.
"""
