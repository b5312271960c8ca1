"""How are words read that are only a picture: scanned pages and images, through tesseract?"""

from plugins.parser.ocr.provider import OcrParser

__all__ = ["OcrParser"]
