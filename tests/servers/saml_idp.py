"""Which server stands in for a SAML identity provider?

One that speaks the web browser profile of SAML 2.0: requests by redirect, answers by a posted form, metadata. It signs
by RSA-SHA256 over exclusive canonical XML with nothing but lxml and cryptography, so that the library that checks
signatures is not the one that made them.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import secrets
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.servers.loopback import listening

NS = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
}
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
GROUP = "CN=kf-editors, OU=Groups, DC=example, DC=org"
Element = Any


class IdpFault(StrEnum):
    """How the metadata address misbehaves."""

    BROKEN = "broken"
    SILENT = "silent"
    NONSENSE = "nonsense"


class Certificate:
    """A key and a self-signed certificate for it."""

    def __init__(self, *, bits: int = 2048, days: int = 365) -> None:
        self.key = rsa.generate_private_key(65537, bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=days))
            .sign(self.key, hashes.SHA256())
        )

    @property
    def base64(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()


@dataclass(frozen=True)
class Asked:
    """A request of ours, as the provider read it."""

    id: str
    callback_url: str
    entity_id: str
    state: str


@dataclass
class Statement:
    """What the provider says; each part can be made wrong."""

    issuer: str
    audience: str
    recipient: str
    destination: str
    in_response_to: str
    subject: str = "person-7"
    subject_format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    attributes: dict[str, list[str]] = field(
        default_factory=lambda: {"mail": ["Ada@Example.org"], "memberOf": ["cn=all,dc=example,dc=org", GROUP]}
    )
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"
    not_before: timedelta = timedelta(minutes=-1)
    not_on_or_after: timedelta = timedelta(minutes=5)
    assertion_id: str = field(default_factory=lambda: f"_{secrets.token_hex(16)}")
    more_conditions: str = ""

    def response(self) -> Element:
        """The response, unsigned."""
        now = datetime.now(UTC)
        begin, end = _written(now + self.not_before), _written(now + self.not_on_or_after)
        attributes = "".join(
            f'<saml:Attribute Name="{escape(name)}">'
            + "".join(f"<saml:AttributeValue>{escape(value)}</saml:AttributeValue>" for value in values)
            + "</saml:Attribute>"
            for name, values in self.attributes.items()
        )
        document = f"""<samlp:Response xmlns:samlp="{NS["samlp"]}" xmlns:saml="{NS["saml"]}"
 ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{_written(now)}"
 Destination="{self.destination}" InResponseTo="{self.in_response_to}">
<saml:Issuer>{self.issuer}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>
<saml:Assertion ID="{self.assertion_id}" Version="2.0" IssueInstant="{_written(now)}">
<saml:Issuer>{self.issuer}</saml:Issuer>
<saml:Subject><saml:NameID Format="{self.subject_format}">{escape(self.subject)}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData
 NotOnOrAfter="{end}" Recipient="{self.recipient}" InResponseTo="{self.in_response_to}"/></saml:SubjectConfirmation>
</saml:Subject>
<saml:Conditions NotBefore="{begin}" NotOnOrAfter="{end}"><saml:AudienceRestriction>
<saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction>{self.more_conditions}</saml:Conditions>
<saml:AuthnStatement AuthnInstant="{_written(now)}"><saml:AuthnContext><saml:AuthnContextClassRef>
urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>{attributes}</saml:AttributeStatement>
</saml:Assertion></samlp:Response>"""
        return etree.fromstring(document.encode())


Twist = Callable[[Element], None]
"""Changes a signed response, as somebody on the way would."""


@dataclass
class SamlIdp:
    """A provider with one person.

    Attributes:
        state_wrong: Changes the statement before it is signed.
        twist: Changes the response after it was signed.
        metadata_extra: Attributes of our own in its metadata's role descriptor.
    """

    signer: Certificate = field(default_factory=Certificate)
    published: list[Certificate] = field(default_factory=list)
    state_wrong: Callable[[Statement], None] = lambda _: None
    twist: Twist = lambda _: None
    signs: str = "assertion"  # or "response", or ""
    metadata_extra: str = ""
    fault: IdpFault | None = None
    requests: list[str] = field(default_factory=list)
    address: str = ""

    @property
    def entity_id(self) -> str:
        return f"{self.address}/idp"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen."""

        def make(address: str) -> Starlette:
            self.address = address
            return Starlette(routes=[Route("/sso", self._sign_in), Route("/metadata", self._metadata)])

        async with listening(make):
            yield self

    def metadata(self) -> str:
        """What it publishes about itself."""
        keys = "".join(
            f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{item.base64}'
            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for item in self.published or [self.signer]
        )
        return (
            f'<md:EntityDescriptor xmlns:md="{NS["md"]}" xmlns:ds="{NS["ds"]}" entityID="{self.entity_id}">'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{NS["samlp"]}" {self.metadata_extra}>{keys}'
            '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
            f' Location="{self.address}/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>'
        )

    def answer(self, asked: Asked) -> str:
        """The value of ``SAMLResponse`` for a request."""
        statement = Statement(
            issuer=self.entity_id,
            audience=asked.entity_id,
            recipient=asked.callback_url,
            destination=asked.callback_url,
            in_response_to=asked.id,
        )
        self.state_wrong(statement)
        response = statement.response()
        if self.signs == "assertion":
            sign(response.find("saml:Assertion", NS), self.signer)
        elif self.signs == "response":
            sign(response, self.signer)
        self.twist(response)
        return base64.b64encode(etree.tostring(response)).decode()

    async def _sign_in(self, request: Request) -> Response:
        self.requests.append("/sso")
        asked = read_request(str(request.url))
        return HTMLResponse(
            f'<form method="post" action="{html.escape(asked.callback_url)}">'
            f'<input name="SAMLResponse" value="{self.answer(asked)}">'
            f'<input name="RelayState" value="{html.escape(asked.state)}"></form>'
        )

    async def _metadata(self, request: Request) -> Response:
        self.requests.append("/metadata")
        if self.fault is IdpFault.BROKEN:
            return Response(status_code=500)
        if self.fault is IdpFault.SILENT:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if self.fault is IdpFault.NONSENSE:
            return Response("not XML at all")
        return Response(self.metadata(), media_type="application/samlmetadata+xml")


def read_request(url: str) -> Asked:
    """Our request, out of the address we sent the browser to."""
    query = parse_qs(urlsplit(url).query)
    root = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), wbits=-15))
    assert root.tag == f"{{{NS['samlp']}}}AuthnRequest"
    assert root.get("Destination") == url.partition("?")[0]
    issuer = root.findtext("saml:Issuer", namespaces=NS)
    return Asked(root.get("ID"), root.get("AssertionConsumerServiceURL"), issuer, query["RelayState"][0])


def sign(element: Element, certificate: Certificate, *, wanted_id: str = "", digest: str = "sha256") -> None:
    """Put an enveloped signature (XML Signature 1.1) after the issuer."""
    canonical = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    value = base64.b64encode(hashlib.new(digest, canonical).digest()).decode()
    names = {
        "sha256": (
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "http://www.w3.org/2001/04/xmlenc#sha256",
            hashes.SHA256(),
        ),
        "sha1": ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1", hashes.SHA1()),
    }
    method, digest_method, algorithm = names[digest]
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{NS["ds"]}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="#{wanted_id or element.get("ID")}">'
        "<ds:Transforms>"
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        f'<ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms><ds:DigestMethod Algorithm="{digest_method}"/>'
        f"<ds:DigestValue>{value}</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo>"
        f"<ds:X509Data><ds:X509Certificate>{certificate.base64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</ds:Signature>"
    )
    info = signature.find("ds:SignedInfo", NS)
    made = certificate.key.sign(
        etree.tostring(info, method="c14n", exclusive=True, with_comments=False), padding.PKCS1v15(), algorithm
    )
    signature.find("ds:SignatureValue", NS).text = base64.b64encode(made).decode()
    issuer = element.find("saml:Issuer", NS)
    # Inserting takes nothing away: the white space behind the issuer was signed and stays there.
    element.insert(element.index(issuer) + 1, signature)


def evil_copy(assertion: Element, email: str) -> Element:
    """The assertion about somebody else, with another id and without the signature."""
    made = copy.deepcopy(assertion)
    made.remove(made.find("ds:Signature", NS))
    made.set("ID", "_evil")
    made.find(".//saml:NameID", NS).text = "somebody-else"
    made.find(".//saml:AttributeValue", NS).text = email
    return made


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
