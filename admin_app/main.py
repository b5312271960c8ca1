"""Where does an administrator begin? ``streamlit run admin_app/main.py``"""

from __future__ import annotations

import os

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import documents, health, jobs, maintenance, organizations, people, policy, settings

API_URL = "FOUNDRY_API_URL"
OPERATOR = "operator"
ADMINS = ("admin", OPERATOR)


def main() -> None:
    """Sign in, then the pages."""
    st.set_page_config(page_title="Knowledge Foundry · Admin", layout="wide")
    token = st.session_state.get("token", "")
    api = ApiClient(
        os.environ.get(API_URL, "http://127.0.0.1:8000"), token=token, forwarded_for=st.context.ip_address or ""
    )
    try:
        if not token:
            _sign_in(api)
            return
        _pages(api)
    except ApiProblem as problem:
        if problem.status == 401:
            st.session_state.pop("token", None)
            st.rerun()
        st.error(str(problem))
        st.button("Try again")


def _sign_in(api: ApiClient) -> None:
    _, middle, _ = st.columns([1, 2, 1])
    middle.title("Knowledge Foundry")
    middle.caption("Administration")
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
    pages = [
        st.Page(lambda: documents.show(api), title="Documents", url_path="documents", default=True),
        st.Page(lambda: jobs.show(api), title="Jobs", url_path="jobs"),
        st.Page(lambda: people.show(api), title="People", url_path="people"),
        st.Page(lambda: policy.show(api), title="Models and data", url_path="models"),
        st.Page(
            lambda: maintenance.show(api, operator=me["role"] == OPERATOR), title="Maintenance", url_path="maintenance"
        ),
        st.Page(lambda: health.show(api), title="Health", url_path="health"),
    ]
    if me["role"] == OPERATOR:
        own = me["organization_id"]
        pages += [
            st.Page(lambda: organizations.show(api, own=own), title="Organisations", url_path="organizations"),
            st.Page(lambda: settings.show(api), title="Settings", url_path="settings"),
        ]
    st.navigation(pages).run()


main()
