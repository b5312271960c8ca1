"""How are these files read: Word, PowerPoint, Excel, HTML and e-mail?"""

from plugins.parser.unstructured.provider import UnstructuredParser

__all__ = ["UnstructuredParser"]
