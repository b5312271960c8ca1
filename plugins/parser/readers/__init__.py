"""How are formats read that need no rules of somebody else?

A module a format, or a step that several share; all give pieces of text (``pieces``) that become the blocks of a page.
``plugins.parser.unstructured`` calls them, and hands in its readers of web pages and mails, which lie in files of other
formats, too.
"""
