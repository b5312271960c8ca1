"""What is wrong with settings, each key on its own and between keys, and how a person is told.

Others call ``config.loader``, which asks for all of it in one run.
"""
