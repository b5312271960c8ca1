"""How are these files read: PDF files with page and character positions, through pdfium?"""

from plugins.parser.pdf.provider import PdfParser

__all__ = ["PdfParser"]
