"""Page, for the operator: which organisations are there, and how is one deleted?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient
from admin_app.views import deletion


def show(api: ApiClient, *, own: str) -> None:
    """List, and delete all but the one somebody is signed in to.

    Args:
        own: Id of that one.
    """
    st.title("Organisations")
    deletion.show_last()
    organizations = api.get("/api/v1/organizations")
    st.dataframe([_row(one) for one in organizations], hide_index=True, width="stretch")
    st.caption("What became of deleted ones stands under Maintenance.")
    others = {one["name"]: one for one in organizations if one["id"] != own and not one["is_being_deleted"]}
    st.subheader("Delete one")
    if not others:
        st.info("There is no other. The one you are in is deleted where it runs: foundry organization delete.")
        return
    chosen = others[st.selectbox("Organisation", list(others))]
    deletion.offer(
        api,
        f"/api/v1/organizations/{chosen['id']}",
        name=chosen["name"],
        warning=f"Nobody of {chosen['name']} gets in any more, at once. Its {_counted(chosen['users'], 'account')} and "
        f"{_counted(chosen['documents'], 'document')}, with text, index entries, files and conversations, are removed.",
        key=chosen["id"],
        typed=True,
    )


def _row(organization: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": organization["name"],
        "People": organization["users"],
        "Documents": organization["documents"],
        "Since": organization["created_at"][:10],
        "State": "being removed" if organization["is_being_deleted"] else "open",
    }


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
