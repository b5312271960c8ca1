"""Which forged or stale responses does a SAML sign-in refuse?"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from lxml import etree

from core.errors import (
    AuthenticationError,
)
from plugins.auth.saml import SamlLogin
from plugins.auth.saml.tests.signing_in import ME, SOMEBODY, sign_in
from tests.servers.saml_idp import (
    NS,
    Element,
    SamlIdp,
    Statement,
    evil_copy,
    sign,
)


def changed(**changes: Any) -> Callable[[SamlIdp], None]:
    """The provider says something else, and signs it."""

    def apply(idp: SamlIdp) -> None:
        def state(statement: Statement) -> None:
            for name, value in changes.items():
                setattr(statement, name, value)

        idp.state_wrong = state

    return apply


def twisted(twist: Callable[[Element], None]) -> Callable[[SamlIdp], None]:
    """Somebody on the way changes what was signed."""

    def apply(idp: SamlIdp) -> None:
        idp.twist = twist

    return apply


def assertion_in(response: Element) -> Element:
    return response.find("saml:Assertion", NS)


def signature_in(response: Element) -> Element:
    return response.find(".//ds:Signature", NS)


def lying_outside(**changes: str) -> Callable[[SamlIdp], None]:
    """What is signed is wrong, and what stands around it was made to look right."""

    def apply(idp: SamlIdp) -> None:
        right: dict[str, str] = {}

        def state(statement: Statement) -> None:
            for name, value in changes.items():
                right[name] = getattr(statement, name)
                setattr(statement, name, value)

        def mend(response: Element) -> None:
            if "in_response_to" in right:
                response.set("InResponseTo", right["in_response_to"])
            if "issuer" in right:
                response.find("saml:Issuer", NS).text = right["issuer"]

        idp.state_wrong, idp.twist = state, mend

    return apply


def alter_group(response: Element) -> None:
    response.find(".//saml:AttributeValue", NS).text = "root@example.org"


def drop_signature(response: Element) -> None:
    signature_in(response).getparent().remove(signature_in(response))


def drop_reference(response: Element) -> None:
    info = signature_in(response).find("ds:SignedInfo", NS)
    info.remove(info.find("ds:Reference", NS))


def evil_before_the_original(response: Element) -> None:
    """Wrapping, XSW3: the forged assertion stands first."""
    response.insert(2, evil_copy(assertion_in(response), "root@example.org"))


def evil_around_the_original(response: Element) -> None:
    """Wrapping, XSW4: the original becomes a child of the forged one."""
    original = assertion_in(response)
    evil = evil_copy(original, "root@example.org")
    response.replace(original, evil)
    evil.append(original)


def original_in_extensions(response: Element) -> None:
    """Wrapping, XSW7: the original goes where schemas allow anything."""
    original = assertion_in(response)
    response.replace(original, evil_copy(original, "root@example.org"))
    etree.SubElement(response, f"{{{NS['samlp']}}}Extensions").append(original)


def original_in_the_signature(response: Element) -> None:
    """Wrapping, XSW8 and XSW2: the forged assertion carries the signature, and in it the original."""
    original = assertion_in(response)
    evil = evil_copy(original, "root@example.org")
    signature = original.find("ds:Signature", NS)
    response.replace(original, evil)
    evil.insert(1, signature)
    original_alone = copy.deepcopy(original)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(original_alone)


def original_renamed_in_the_signature(response: Element) -> None:
    """Wrapping with the same id twice, so that a look-up by id may find either."""
    original_in_the_signature(response)
    assertion_in(response).set("ID", response.find(".//ds:Object/saml:Assertion", NS).get("ID"))


def original_disguised(response: Element) -> None:
    """Wrapping where the original has an element of another name around it, which a count of assertions overlooks."""
    original_in_the_signature(response)
    hidden = response.find(".//ds:Object/saml:Assertion", NS)
    hidden.tag = "{urn:other}Assertion"


def signature_moved_to_the_response(response: Element) -> None:
    """Wrapping, XSW1: the response claims the assertion's signature."""
    response.insert(1, signature_in(response))


def signed_by_somebody_else(response: Element) -> None:
    drop_signature(response)
    alter_group(response)
    sign(assertion_in(response), SOMEBODY)


def signed_by_a_broken_hash(response: Element) -> None:
    drop_signature(response)
    sign(assertion_in(response), ME, digest="sha1")


def encrypted(response: Element) -> None:
    assertion_in(response).tag = f"{{{NS['saml']}}}EncryptedAssertion"


def no_assertion(response: Element) -> None:
    response.remove(assertion_in(response))


def another_recipient_around(response: Element) -> None:
    response.set("Destination", "https://other.example/acs")


def another_question_around(response: Element) -> None:
    response.set("InResponseTo", "_another")


def not_asked(response: Element) -> None:
    del response.attrib["InResponseTo"]


LATE = timedelta(minutes=-2)

WRONG: dict[str, Callable[[SamlIdp], None]] = {
    "unsigned": lambda idp: setattr(idp, "signs", ""),
    "only the response is signed": lambda idp: setattr(idp, "signs", "response"),
    "altered": twisted(alter_group),
    "signature taken out": twisted(drop_signature),
    "signature of nothing": twisted(drop_reference),
    "signed by somebody else": twisted(signed_by_somebody_else),
    "signed with SHA-1": twisted(signed_by_a_broken_hash),
    "wrapped: forged first": twisted(evil_before_the_original),
    "wrapped: forged around": twisted(evil_around_the_original),
    "wrapped: original in extensions": twisted(original_in_extensions),
    "wrapped: original in the signature": twisted(original_in_the_signature),
    "wrapped: same id twice": twisted(original_renamed_in_the_signature),
    "wrapped: original disguised": twisted(original_disguised),
    "wrapped: signature moved": twisted(signature_moved_to_the_response),
    "encrypted": twisted(encrypted),
    "empty": twisted(no_assertion),
    "another destination": twisted(another_recipient_around),
    "for another question, outside": twisted(another_question_around),
    "nobody asked": twisted(not_asked),
    "for another question": changed(in_response_to="_another"),
    "for another question, inside": lying_outside(in_response_to="_another"),
    "another issuer, inside": lying_outside(issuer="https://evil.example/idp"),
    "another audience": changed(audience="https://other.example/metadata"),
    "another recipient": changed(recipient="https://other.example/acs"),
    "another issuer": changed(issuer="https://evil.example/idp"),
    "expired": changed(not_before=timedelta(hours=-1), not_on_or_after=LATE),
    "not yet valid": changed(not_before=timedelta(minutes=3)),
    "denied there": changed(status="urn:oasis:names:tc:SAML:2.0:status:Responder"),
    "a condition nobody knows": changed(more_conditions='<x:Only xmlns:x="urn:x">Mondays</x:Only>'),
    "another name each time": changed(subject_format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG.keys())
async def test_wrong_response_is_refused(
    login: SamlLogin, idp: SamlIdp, http: httpx.AsyncClient, spoil: Callable[[SamlIdp], None]
) -> None:
    await sign_in(login, http)
    spoil(idp)
    with pytest.raises(AuthenticationError, match="was not accepted"):
        await sign_in(login, http)
