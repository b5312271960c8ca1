"""How is XML of others read without doing what it says?"""

from __future__ import annotations

from typing import Any, TypeAlias

from lxml import etree

# lxml ships no types.
Element: TypeAlias = Any

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"


class UnreadableXmlError(Exception):
    """No XML, or XML with a document type: entities and defaults in one could change what a signature covers."""


def parse(document: bytes) -> Element:
    """The root. Comments and instructions are left out, for canonical XML, which is what is signed, has none either."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableXmlError("no_xml") from error
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None or info.doctype:
        raise UnreadableXmlError("document_type")
    return root


def text_of(element: Element | None) -> str:
    """The text directly inside, without spaces around it; empty where there is none."""
    return "" if element is None else (element.text or "").strip()
