"""Is the way to the directory and back safe?"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.oidc_issuer import CLIENT_SECRET, IssuerFault
from tests.support.federated import EDITORS, House, enter_as, opened_house, refused


async def test_answer_is_good_once_and_in_the_browser_that_asked(house: House) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    back = await house.leave()
    cookies = dict(house.api.cookies)
    assert (await house.api.get(back.headers["location"])).status_code == 303
    await refused(house, 401, "is over", await house.api.get(back.headers["location"]))
    back = await house.leave()
    house.api.cookies.clear()
    await refused(house, 401, "begun elsewhere", await house.api.get(back.headers["location"]))
    back = await house.leave()
    house.api.cookies.clear()
    house.api.cookies.update({"kf_sign_in": cookies["kf_sign_in"][::-1]})
    await refused(house, 401, "begun elsewhere", await house.api.get(back.headers["location"]))


async def test_two_tabs_sign_in_side_by_side(house: House) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    first, second = await house.leave(), await house.leave()
    for back in (first, second):
        assert (await house.api.get(back.headers["location"])).status_code == 303


@pytest.mark.parametrize("state", ["", "unknown", "x" * 200])
async def test_answer_nobody_asked_for_is_refused(house: House, state: str) -> None:
    answer = await house.api.get("/api/v1/auth/oauth2/corp/callback", params={"state": state, "code": "x"})
    await refused(house, 401, "is over", answer)
    posted = await house.api.post("/api/v1/auth/saml/school/acs", data={"SAMLResponse": "eA==", "RelayState": state})
    await refused(house, 401, "is over", posted)
    assert "/token" not in house.issuer.requests


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
async def test_nobody_is_sent_to_another_site(house: House, elsewhere: str) -> None:
    house.is_now("s-1", "grace@example.org", EDITORS)
    answer = await house.sign_in(next=elsewhere)
    assert (answer.status_code, answer.headers["location"]) == (303, "/chat/")


async def test_callback_address_comes_from_the_settings_not_from_the_host_header(house: House) -> None:
    away = await house.api.get("/api/v1/auth/oauth2/corp/login", headers={"Host": "evil.example"})
    assert "evil.example" not in away.headers["location"]


async def test_sign_in_page_offers_every_login_that_runs(house: House) -> None:
    page = (await house.api.get("/login", params={"next": "/chat/thread/7"})).text
    links = re.findall(r'href="(/api/v1/auth/[^"]+)"', page)
    assert links == [
        "/api/v1/auth/oauth2/corp/login?next=%2Fchat%2Fthread%2F7",
        "/api/v1/auth/saml/school/login?next=%2Fchat%2Fthread%2F7",
    ]
    assert "Corporate &lt;account&gt;" in page


@pytest.mark.parametrize("path", ["oauth2/none/login", "saml/corp/login", "oauth2/jwt/login"])
async def test_unknown_login_is_not_found(house: House, path: str) -> None:
    answer = await house.api.get(f"/api/v1/auth/{path}")
    assert answer.status_code == 404
    assert (await house.api.get("/api/v1/auth/saml/corp/metadata")).status_code == 404


async def test_issuer_that_is_away_is_told_on_the_sign_in_page(house: House) -> None:
    house.issuer.faults["/.well-known/openid-configuration"] = IssuerFault.SILENT
    answer = await house.api.get("/api/v1/auth/oauth2/corp/login")
    await refused(house, 503, "does not answer", answer)
    house.issuer.faults.clear()
    await enter_as(house, "s-1", "grace@example.org", EDITORS)


async def test_addresses_are_counted_as_at_the_password_form(environment: dict[str, str], tmp_path: Path) -> None:
    async with opened_house({**environment, "FOUNDRY__rate_limiting__ip_limit": "3/hour"}, tmp_path) as house:
        answers = [await house.api.get("/api/v1/auth/oauth2/corp/login") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [303, 303, 303, 429]
        assert int(answers[-1].headers["Retry-After"]) > 0


async def test_nothing_secret_is_in_the_address_the_browser_sees(house: House) -> None:
    away = await house.api.get("/api/v1/auth/oauth2/corp/login")
    query = urlsplit(away.headers["location"]).query
    assert CLIENT_SECRET not in away.headers["location"]
    assert "code_challenge_method=S256" in query
    assert "code_verifier" not in query
    cookie = away.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
