"""Does a sign-in through SAML reach the person it is for, and nobody else?"""

from __future__ import annotations

import re

from tests.support.federated import HERE, House, other_browser, refused


async def test_saml_sign_in_crosses_the_sites_without_a_cookie(house: House) -> None:
    page = await house.leave("/api/v1/auth/saml/school/login", next="/chat/thread/7")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    async with other_browser(house) as other:
        posted = await other.post("/api/v1/auth/saml/school/acs", data=fields)
        assert posted.status_code == 303
        ticket = posted.headers["location"]
        assert ticket.startswith("/api/v1/auth/saml/school/acs?ticket=")
        assert "kf_session" not in posted.cookies
    answer = await house.api.get(ticket)
    assert (answer.status_code, answer.headers["location"]) == (303, "/chat/thread/7")
    me = await house.me()
    assert (me["email"], me["role"], me["organization_name"]) == ("ada@example.org", "editor", "alpha")
    await refused(house, 401, "is over", await house.api.get(ticket))
    await refused(house, 401, "is over", await house.api.post("/api/v1/auth/saml/school/acs", data=fields))


async def test_saml_ticket_opens_nothing_in_another_browser(house: House) -> None:
    page = await house.leave("/api/v1/auth/saml/school/login")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    ticket = (await house.api.post("/api/v1/auth/saml/school/acs", data=fields)).headers["location"]
    async with other_browser(house) as other:
        answer = await other.get(ticket)
    await refused(house, 401, "begun elsewhere", answer)
    assert "ada@example.org" not in await house.users(house.alpha)


async def test_saml_metadata_is_public(house: House) -> None:
    answer = await house.api.get("/api/v1/auth/saml/school/metadata")
    assert answer.headers["content-type"].startswith("application/samlmetadata+xml")
    assert f'Location="{HERE}/api/v1/auth/saml/school/acs"' in answer.text
    assert f'entityID="{HERE}/api/v1/auth/saml/school/metadata"' in answer.text
