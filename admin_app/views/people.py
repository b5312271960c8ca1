"""Page: who belongs to the organisation?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import deletion, lists

ROLES = ["viewer", "editor", "admin"]
_ADDED = "added"


def show(api: ApiClient) -> None:
    """List, add, close, delete."""
    st.title("People")
    if added := st.session_state.pop(_ADDED, None):
        st.success(added)
    deletion.show_last()
    users = api.get("/api/v1/users")
    st.caption("Choose somebody to close the account, to open it again, or to delete it.")
    with lists.close_together():
        for user in users:
            seen = (user["last_login_at"] or "never")[:16].replace("T", " ")
            said = lists.line(user["role"], "" if user["is_active"] else "closed", f"last seen {seen}")
            if lists.opened("person", user["id"], user["email"], said):
                with st.container(border=True):
                    _one(api, user)
    with st.form("add", clear_on_submit=True):
        st.subheader("Add somebody")
        email = st.text_input("E-mail")
        password = st.text_input("First password", type="password")
        role = st.selectbox("Role", ROLES)
        if st.form_submit_button("Add", type="primary"):
            try:
                api.post("/api/v1/users", {"email": email, "password": password, "role": role})
            except ApiProblem as problem:
                st.error(str(problem))
            else:
                # Drawn anew, so that the list and the choice below it know them.
                st.session_state[_ADDED] = f"{email} can sign in now."
                st.rerun()


def _one(api: ApiClient, user: dict[str, Any]) -> None:
    """What can be done with an account."""
    if st.button("Close the account" if user["is_active"] else "Open it again"):
        api.patch(f"/api/v1/users/{user['id']}", {"is_active": not user["is_active"]})
        st.rerun()
    documents = st.checkbox("Delete with the documents that they handed in for everybody")
    deletion.offer(
        api,
        f"/api/v1/users/{user['id']}?documents={str(documents).lower()}",
        name=user["email"],
        warning="The account, its sessions, keys and conversations are removed, and files of their own. Documents "
        f"for everybody {'are removed too' if documents else 'stay, and belong to nobody'}.",
        key=user["id"],
        typed=True,
    )
