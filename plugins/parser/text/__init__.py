"""How are these files read: Plain text, Markdown, code and tables in text form?"""

from plugins.parser.text.provider import TextParser

__all__ = ["TextParser"]
