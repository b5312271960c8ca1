"""Routes: how does one sign in through another service?

Browsers come here, so what goes wrong is told on the sign-in page. A SAML answer is posted by a page of another site,
and such a request carries no cookies of ours; it is therefore followed by a redirect to ourselves, which does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from chat_app.gateway.authentication import App, Client, Web, anonymous_limit
from chat_app.gateway.cookies import REFRESH_PATH, set_session
from chat_app.gateway.errors import status_of
from chat_app.gateway.pages.sign_in import CHAT, own_page, sign_in_page
from core.errors import KnowledgeFoundryError
from services.audit import ClientInfo
from services.bootstrap import Services
from services.gateway_settings import GatewaySettings

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], dependencies=[Depends(anonymous_limit)])
BROWSER_COOKIE = "kf_sign_in"
BROWSER_LIFETIME_S = 600
MAX_SAML_RESPONSE = 512_000
METADATA_TYPE = "application/samlmetadata+xml"

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Onward = Annotated[str, Query(alias="next", max_length=400)]
Opaque = Annotated[str, Query(max_length=200)]


@router.get("/{protocol}/{name}/login", status_code=303, response_class=RedirectResponse)
async def login(
    protocol: Literal["oauth2", "saml"],
    name: Name,
    request: Request,
    services: App,
    settings: Web,
    onward: Onward = CHAT,
) -> Response:
    """Go and sign in there; afterwards ``next`` is opened, if it is a page of this site."""
    known = request.cookies.get(BROWSER_COOKIE, "")[:100]
    try:
        departure = await services.federation.begin(protocol, name, return_to=own_page(onward), browser=known)
    except KnowledgeFoundryError as error:
        return _told(request, error, onward)
    response = RedirectResponse(departure.url, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        BROWSER_COOKIE,
        departure.browser,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
        path=REFRESH_PATH,
        max_age=BROWSER_LIFETIME_S,
    )
    return response


@router.get("/oauth2/{name}/callback", status_code=303, response_class=RedirectResponse)
async def callback(
    name: Name, request: Request, services: App, client: Client, settings: Web, state: Opaque = ""
) -> Response:
    """Where an OpenID Connect issuer sends the browser back to."""
    try:
        ticket = await services.federation.answer("oauth2", name, state, dict(request.query_params))
    except KnowledgeFoundryError as error:
        return _told(request, error)
    return await _entered(request, services, client, settings, name, ticket)


@router.post("/saml/{name}/acs", status_code=303, response_class=RedirectResponse)
async def consume(
    name: Name,
    request: Request,
    services: App,
    response_form: Annotated[str, Form(alias="SAMLResponse", max_length=MAX_SAML_RESPONSE)],
    state: Annotated[str, Form(alias="RelayState", max_length=200)] = "",
) -> Response:
    """Where a SAML identity provider has the browser post its answer."""
    params: Mapping[str, str] = {"SAMLResponse": response_form, "RelayState": state}
    try:
        ticket = await services.federation.answer("saml", name, state, params)
    except KnowledgeFoundryError as error:
        return _told(request, error)
    address = f"{REFRESH_PATH}/saml/{name}/acs?ticket={ticket}"
    return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})


@router.get("/saml/{name}/acs", status_code=303, response_class=RedirectResponse)
async def enter(
    name: Name, request: Request, services: App, client: Client, settings: Web, ticket: Opaque = ""
) -> Response:
    """The second half of a SAML sign-in, in the browser that began it."""
    return await _entered(request, services, client, settings, name, ticket)


@router.get("/saml/{name}/metadata", response_class=Response)
async def metadata(name: Name, services: App) -> Response:
    """What an identity provider wants to know about us."""
    return Response(services.federation.metadata("saml", name), media_type=METADATA_TYPE)


async def _entered(
    request: Request, services: Services, client: ClientInfo, settings: GatewaySettings, name: str, ticket: str
) -> Response:
    try:
        arrival = await services.federation.enter(name, ticket, request.cookies.get(BROWSER_COOKIE, ""), client=client)
    except KnowledgeFoundryError as error:
        return _told(request, error)
    response = RedirectResponse(own_page(arrival.return_to), 303, headers={"Cache-Control": "no-store"})
    set_session(response, arrival.tokens, settings)
    return response


def _told(request: Request, error: KnowledgeFoundryError, onward: str = CHAT) -> Response:
    return sign_in_page(request, action="/login", problem=str(error), onward=onward, status=status_of(error))
