"""Readers are tried through the parser that calls them."""

from plugins.parser.unstructured.tests.conftest import imported

__all__ = ["imported"]
