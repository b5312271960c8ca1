"""What does an administrator see? Run anew by Streamlit for each browser window, at each click."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem, Tokens, gateway_url
from admin_app.sessions import sessions
from admin_app.sign_in import cookie_name
from admin_app.views import (
    deletion,
    documents,
    feedback,
    health,
    jobs,
    maintenance,
    organizations,
    people,
    policy,
    settings,
)

OPERATOR = "operator"
ADMINS = ("admin", OPERATOR)


class Shown(NamedTuple):
    """A page; ``show`` is given the account that ``/api/v1/auth/me`` answers with."""

    title: str
    path: str
    show: Callable[[ApiClient, dict[str, Any]], None]
    roles: tuple[str, ...] = ADMINS


PAGES = (
    Shown("Documents", "documents", lambda api, _: documents.show(api)),
    Shown("Jobs", "jobs", lambda api, _: jobs.show(api)),
    Shown("People", "people", lambda api, _: people.show(api)),
    Shown("Data rules", "rules", lambda api, _: policy.show(api)),
    Shown("Feedback", "feedback", lambda api, _: feedback.show(api)),
    Shown("Maintenance", "maintenance", lambda api, me: maintenance.show(api, operator=me["role"] == OPERATOR)),
    Shown("Health", "health", lambda api, _: health.show(api)),
    Shown("Settings", "settings", lambda api, _: settings.show(api), (OPERATOR,)),
    Shown(
        "Organisations",
        "organizations",
        lambda api, me: organizations.show(api, own_id=me["organization_id"]),
        (OPERATOR,),
    ),
)


def main() -> None:
    """The pages of whoever is signed in; the server sends all others to sign in before anything is drawn."""
    st.set_page_config(page_title="Knowledge Foundry · Admin", layout="wide")
    tokens = Tokens.read(st.context.cookies.get(cookie_name(st.context.headers.get("Host"))))
    if tokens is None:
        _leave()
        return
    api = ApiClient(gateway_url(), access=partial(_access, tokens), forwarded_for=st.context.ip_address or "")
    try:
        _pages(api, tokens)
    except ApiProblem as problem:
        if problem.status == 401:
            sessions.end(tokens, said=deletion.last_told())
            _leave()
            return
        st.error(str(problem))
        st.button("Try again")


def _access(tokens: Tokens) -> str:
    newest = sessions.current(tokens)
    if newest is None:
        raise ApiProblem("Your session has ended. Load the page again to sign in.", 401)
    return newest.access


def _leave() -> None:
    """To the form, which leads back to the page that is open."""
    st.text("You are signed out.")
    st.html(
        "<script>location.replace('/sign-in?next=' + encodeURIComponent(location.pathname))</script>",
        unsafe_allow_javascript=True,
    )


def _pages(api: ApiClient, tokens: Tokens) -> None:
    me = api.get("/api/v1/auth/me")
    with st.sidebar:
        st.subheader(me["organization_name"])
        st.text(f"{me['email']}\n{me['role']}")
        if st.button("Sign out"):
            api.post("/api/v1/auth/logout")
            sessions.end(tokens)
            _leave()
            return
    if me["role"] not in ADMINS:
        st.warning("These pages are for administrators. Ask one of yours for the role, or use the chat.")
        return
    st.navigation(
        [
            st.Page(partial(page.show, api, me), title=page.title, url_path=page.path, default=page is PAGES[0])
            for page in PAGES
            if me["role"] in page.roles
        ]
    ).run()


main()
