"""Does this response prove who somebody is, to us, now, and as the answer to our question?

Processing rules of the web browser profile (saml-profiles-2.0-os, section 4.1.4.3). Responses nobody asked for, and
assertions that are encrypted or not signed themselves, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from plugins.auth.saml.instants import instant
from plugins.auth.saml.metadata import IdentityProvider
from plugins.auth.saml.signature import UnsignedError, signed_content
from plugins.auth.saml.xml import SAML, SAMLP, Element, UnreadableXmlError, parse, text_of

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_HARMLESS_CONDITIONS = frozenset({f"{SAML}OneTimeUse", f"{SAML}ProxyRestriction"})


class RefusedResponseError(Exception):
    """It proves nothing; the message is for the log and holds nothing of the response."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What we asked, whom, and when it is."""

    provider: IdentityProvider
    entity_id: str
    callback_url: str
    request_id: str
    now: datetime
    skew: timedelta


@dataclass(frozen=True, slots=True)
class Assertion:
    """What was proved.

    Attributes:
        ends_at: After this moment nobody accepts it any more.
    """

    id: str
    subject: str
    subject_format: str
    attributes: dict[str, list[str]]
    ends_at: datetime


def read_response(document: bytes, expected: Expected) -> Assertion:
    """The assertion of a response.

    Raises:
        RefusedResponseError: Anything about it is not as it must be.
    """
    try:
        response = parse(document)
        _check_envelope(response, expected)
        assertion = signed_content(_only_assertion(response), expected.provider.certificates)
    except (UnreadableXmlError, UnsignedError) as error:
        raise RefusedResponseError(str(error)) from error
    return _proved(assertion, expected)


def _check_envelope(response: Element, expected: Expected) -> None:
    """What the response says around the assertion. It need not be signed: it can only make us refuse."""
    _must(response.tag == f"{SAMLP}Response" and response.get("Version") == "2.0", "no_response")
    _must(response.get("InResponseTo") == expected.request_id, "in_response_to")
    _must(response.get("Destination") in (None, expected.callback_url), "destination")
    issuer = response.find(f"{SAML}Issuer")
    _must(issuer is None or text_of(issuer) == expected.provider.entity_id, "issuer_of_response")
    status = response.find(f"{SAMLP}Status/{SAMLP}StatusCode")
    _must(status is not None and status.get("Value") == SUCCESS, "denied_there")
    ids = [element.get("ID") for element in response.iter() if element.get("ID") is not None]
    _must(len(ids) == len(set(ids)), "ids_twice")


def _only_assertion(response: Element) -> Element:
    _must(next(response.iter(f"{SAML}EncryptedAssertion"), None) is None, "encrypted")
    every, own = list(response.iter(f"{SAML}Assertion")), response.findall(f"{SAML}Assertion")
    _must(len(every) == 1 and every == own, "not_one_assertion")
    return own[0]


def _proved(assertion: Element, expected: Expected) -> Assertion:
    """From here on everything was signed."""
    _must(assertion.get("Version") == "2.0", "version")
    _must(text_of(assertion.find(f"{SAML}Issuer")) == expected.provider.entity_id, "issuer")
    ends_at = _confirmed_until(assertion, expected)
    _check_conditions(assertion, expected)
    statements = assertion.findall(f"{SAML}AuthnStatement")
    _must(bool(statements), "no_sign_in_there")
    for statement in statements:
        _check_end(statement, "SessionNotOnOrAfter", expected, needed=False)
    name = assertion.find(f"{SAML}Subject/{SAML}NameID")
    return Assertion(
        id=assertion.get("ID", ""),
        subject=text_of(name),
        subject_format="" if name is None else name.get("Format", ""),
        attributes={
            attribute.get("Name", ""): [text_of(value) for value in attribute.findall(f"{SAML}AttributeValue")]
            for attribute in assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute")
        },
        ends_at=ends_at,
    )


def _confirmed_until(assertion: Element, expected: Expected) -> datetime:
    subjects = assertion.findall(f"{SAML}Subject")
    _must(len(subjects) == 1, "subject")
    bearers = [
        confirmation.find(f"{SAML}SubjectConfirmationData")
        for confirmation in subjects[0].findall(f"{SAML}SubjectConfirmation")
        if confirmation.get("Method") == BEARER
    ]
    _must(len(bearers) == 1 and bearers[0] is not None, "confirmation")
    data = bearers[0]
    _must(data.get("Recipient") == expected.callback_url, "recipient")
    _must(data.get("InResponseTo") == expected.request_id, "in_response_to")
    _must(data.get("NotBefore") is None, "confirmation_not_before")
    return _check_end(data, "NotOnOrAfter", expected, needed=True)


def _check_conditions(assertion: Element, expected: Expected) -> None:
    conditions = assertion.find(f"{SAML}Conditions")
    _must(conditions is not None, "no_conditions")
    begin = conditions.get("NotBefore")
    if begin is not None:
        moment = instant(begin)
        _must(moment is not None and moment <= expected.now + expected.skew, "too_early")
    _check_end(conditions, "NotOnOrAfter", expected, needed=False)
    restrictions = conditions.findall(f"{SAML}AudienceRestriction")
    _must(bool(restrictions), "no_audience")
    for restriction in restrictions:
        _must(expected.entity_id in [text_of(item) for item in restriction.findall(f"{SAML}Audience")], "audience")
    others = {item.tag for item in conditions} - {f"{SAML}AudienceRestriction"}
    _must(others <= _HARMLESS_CONDITIONS, "unknown_condition")


def _check_end(element: Element, name: str, expected: Expected, *, needed: bool) -> datetime:
    value = element.get(name)
    if value is None and not needed:
        return expected.now
    moment = instant(value or "")
    if moment is None or moment <= expected.now - expected.skew:
        raise RefusedResponseError("too_late")
    return moment


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RefusedResponseError(otherwise)
