"""Where does an administrator begin? ``streamlit run admin_app/main.py``"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import deletion, documents, health, jobs, maintenance, organizations, people, policy, settings

API_URL = "FOUNDRY_API_URL"
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
    Shown("Models and data", "models", lambda api, _: policy.show(api)),
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
    """Sign in, then the pages."""
    st.set_page_config(page_title="Knowledge Foundry · Admin", layout="wide")
    token = st.session_state.get("token", "")
    api = ApiClient(
        os.environ.get(API_URL, "http://127.0.0.1:8000"), token=token, forwarded_for=st.context.ip_address or ""
    )
    try:
        if not token:
            _door(api)
            return
        _pages(api)
    except ApiProblem as problem:
        if problem.status == 401:
            st.session_state.pop("token", None)
            st.rerun()
        st.error(str(problem))
        st.button("Try again")


def _door(api: ApiClient) -> None:
    """The sign-in form at every address: pages of whoever was here before are listed no more, and an address stays."""
    st.navigation(
        [
            st.Page(partial(_sign_in, api), title=page.title, url_path=page.path, default=page is PAGES[0])
            for page in PAGES
        ],
        position="hidden",
    ).run()


def _sign_in(api: ApiClient) -> None:
    _, middle, _ = st.columns([1, 2, 1])
    middle.title("Knowledge Foundry")
    middle.caption("Administration")
    with middle:
        deletion.show_last()
    with middle.form("sign-in"):
        email = st.text_input("E-mail", autocomplete="username")
        password = st.text_input("Password", type="password", autocomplete="current-password")
        if not st.form_submit_button("Sign in", type="primary"):
            return
    token = _token(api, email, password)
    if token:
        st.session_state["token"] = token
        st.rerun()


def _token(api: ApiClient, email: str, password: str) -> str:
    try:
        return api.sign_in(email, password)
    except ApiProblem as problem:
        st.error(str(problem))
        return ""


def _pages(api: ApiClient) -> None:
    me = api.get("/api/v1/auth/me")
    with st.sidebar:
        st.subheader(me["organization_name"])
        st.text(f"{me['email']}\n{me['role']}")
        if st.button("Sign out"):
            api.post("/api/v1/auth/logout")
            st.session_state.pop("token", None)
            st.rerun()
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
