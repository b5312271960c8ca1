"""How are formats read that need no rules of somebody else?

Each module reads one format or takes one step of reading; ``plugins.parser.unstructured`` is the parser that calls
them.
"""
