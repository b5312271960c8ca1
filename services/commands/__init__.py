"""What can be done from a terminal: one file per command, each calls services and prints.

``cli`` finds the command, ``terminal`` runs it, ``answers`` shows an answer. Nobody calls these but ``foundry``.
"""
