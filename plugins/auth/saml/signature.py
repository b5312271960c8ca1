"""What exactly did the identity provider sign?

Only what the signature covers is ever read further, as the canonical bytes it was computed over. Whatever else a
document holds, wrapped around, beside or inside, is thereby never looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from plugins.auth.saml.xml import DS, Element, UnreadableXmlError, parse

_METHODS = frozenset(
    {
        *(SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512),
        *(SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512),
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_TRANSFORMS = frozenset({"http://www.w3.org/2000/09/xmldsig#enveloped-signature", _EXCLUSIVE})
_MIN_RSA_BITS = 2048


class UnsignedError(Exception):
    """No signature of the provider over the whole element; the message is for the log."""


def signed_content(element: Element, certificates: Sequence[x509.Certificate]) -> Element:
    """The element as it was signed, parsed from the signed bytes.

    Args:
        element: With its signature as a direct child, which must cover the whole of it.

    Raises:
        UnsignedError: It is not signed so, or not by one of these certificates.
    """
    signatures = element.findall(f"{DS}Signature")
    if len(signatures) != 1:
        raise UnsignedError("not_signed")
    _check_shape(signatures[0], element.get("ID", ""))
    reasons = []
    for certificate in certificates:
        try:
            return _verified(element, certificate)
        except (SignXMLException, UnsupportedAlgorithm, etree.LxmlError, ValueError, TypeError) as error:
            # Providers publish the next certificate beside the present one; any of them may have signed.
            reasons.append(type(error).__name__)
        except UnsignedError as error:
            reasons.append(str(error))
    raise UnsignedError(f"signature: {', '.join(sorted(set(reasons)))}")


def _check_shape(signature: Element, wanted_id: str) -> None:
    """One reference, to this very element, without transforms that could leave anything out (saml-core, 5.4)."""
    references = signature.findall(f"{DS}SignedInfo/{DS}Reference")
    if not wanted_id or [reference.get("URI") for reference in references] != [f"#{wanted_id}"]:
        raise UnsignedError("reference_elsewhere")
    transforms = [item.get("Algorithm") for item in references[0].findall(f"{DS}Transforms/{DS}Transform")]
    if not transforms or not _TRANSFORMS.issuperset(transforms):
        raise UnsignedError("transforms")
    methods = [item.get("Algorithm") for item in signature.findall(f"{DS}SignedInfo/{DS}CanonicalizationMethod")]
    if methods != [_EXCLUSIVE]:
        raise UnsignedError("canonicalization")
    if signature.find(f"{DS}Object") is not None:
        raise UnsignedError("object_in_signature")


def _verified(element: Element, certificate: x509.Certificate) -> Element:
    size = getattr(certificate.public_key(), "key_size", 0)
    if "RSA" in type(certificate.public_key()).__name__ and size < _MIN_RSA_BITS:
        raise UnsignedError("weak_key")
    copy = parse(etree.tostring(element, with_tail=False))
    # The provider's certificate comes from its metadata; what a response says about keys is nobody's business.
    for hint in copy.findall(f"{DS}Signature/{DS}KeyInfo"):
        hint.getparent().remove(hint)
    result = XMLVerifier().verify(
        etree.tostring(copy),
        x509_cert=certificate,
        id_attribute="ID",
        expect_config=SignatureConfiguration(
            location="./", expect_references=1, signature_methods=_METHODS, digest_algorithms=_DIGESTS
        ),
    )
    if isinstance(result, list):
        raise UnsignedError("many_references")
    try:
        content = parse(result.signed_data)
    except UnreadableXmlError as error:
        raise UnsignedError("signed_content") from error
    if content.tag != element.tag or content.get("ID") != element.get("ID"):
        raise UnsignedError("signed_something_else")
    return content
