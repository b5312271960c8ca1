"""What does the identity provider's metadata say, and what does ours?

SAML 2.0 Metadata (saml-metadata-2.0-os).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from lxml import etree

from core.errors import ProviderError
from plugins.auth.fetching import is_protected
from plugins.auth.saml.instants import instant
from plugins.auth.saml.xml import DS, MD, Element, UnreadableXmlError, parse, text_of

SERVICE = "The identity provider"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Where to send people, and whose signature to believe."""

    entity_id: str
    sign_in_url: str
    certificates: tuple[x509.Certificate, ...]


def read_metadata(document: bytes, entity_id: str, *, allow_http: bool) -> IdentityProvider:
    """The provider of this name.

    Raises:
        ProviderError: Not there, not valid any more, or nothing we can use.
    """
    try:
        root = parse(document)
    except UnreadableXmlError as error:
        raise ProviderError(f"{SERVICE}'s metadata is not usable XML.") from error
    entities = [entity for entity in root.iter(f"{MD}EntityDescriptor") if entity.get("entityID") == entity_id]
    roles = [role for entity in entities for role in entity.findall(f"{MD}IDPSSODescriptor")]
    if len(entities) != 1 or len(roles) != 1:
        raise ProviderError(f"{SERVICE}'s metadata does not describe it.", next_step="Check idp_entity_id.")
    if any(_has_ended(element) for element in (root, entities[0], roles[0])):
        raise ProviderError(f"{SERVICE}'s metadata is no longer valid.", next_step="Fetch it anew.")
    if roles[0].get("WantAuthnRequestsSigned") in ("true", "1"):
        raise ProviderError(f"{SERVICE} wants signed requests.", next_step="Switch that off there; ours say nothing.")
    addresses = [
        service.get("Location", "")
        for service in roles[0].findall(f"{MD}SingleSignOnService")
        if service.get("Binding") == REDIRECT
    ]
    if not addresses or not is_protected(addresses[0], allow_http=allow_http):
        raise ProviderError(f"{SERVICE} has no sign-in address with TLS for the redirect binding.")
    certificates = tuple(_certificates(roles[0]))
    if not certificates:
        raise ProviderError(f"{SERVICE}'s metadata has no certificate to check signatures with.")
    return IdentityProvider(entity_id, addresses[0], certificates)


def our_metadata(entity_id: str, callback_url: str) -> str:
    """What the provider wants to know about us."""
    names = {"md": MD[1:-1]}
    root = etree.Element(f"{MD}EntityDescriptor", nsmap=names, entityID=entity_id)
    role = etree.SubElement(
        root,
        f"{MD}SPSSODescriptor",
        AuthnRequestsSigned="false",
        WantAssertionsSigned="true",
        protocolSupportEnumeration=PROTOCOL,
    )
    etree.SubElement(
        role, f"{MD}AssertionConsumerService", Binding=POST, Location=callback_url, index="0", isDefault="true"
    )
    document: str = etree.tostring(root, pretty_print=True, encoding="unicode")
    return document


def _has_ended(element: Element) -> bool:
    until = element.get("validUntil")
    if until is None:
        return False
    moment = instant(until)
    return moment is None or moment <= datetime.now(UTC)


def _certificates(role: Element) -> list[x509.Certificate]:
    found = []
    for key in role.findall(f"{MD}KeyDescriptor"):
        if key.get("use", "signing") != "signing":
            continue
        for element in key.iter(f"{DS}X509Certificate"):
            try:
                found.append(x509.load_der_x509_certificate(base64.b64decode("".join(text_of(element).split()))))
            except (ValueError, binascii.Error) as error:
                raise ProviderError(f"{SERVICE}'s metadata has a certificate that is none.") from error
    return found
