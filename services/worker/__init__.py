"""What a worker process holds, and what it does besides reading documents.

The second of the two composition roots: over the services of every process it opens parsers, the dispatcher and the
rounds. Others call ``open_worker`` and ``Dispatcher``.
"""
