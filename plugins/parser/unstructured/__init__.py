"""How are these files read: office, books, web pages, mails and marked-up texts?"""

from plugins.parser.unstructured.provider import UnstructuredParser

__all__ = ["UnstructuredParser"]
