"""Page: which answers help people, and which do not?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient
from admin_app.views import lists

PAGE = 50
WANTED = {"All": "", "Not helpful": "-1", "Helpful": "1"}
_SEEN = "feedback-cursors"
"""Where each page that was turned to begins."""


def show(api: ApiClient) -> None:
    """Thumbs with comment and question, the newest first, page by page."""
    st.title("Feedback")
    st.caption("What people said of answers with the thumbs below them. Who said it, and the answer, stay theirs.")
    chosen = st.selectbox("Thumbs", list(WANTED), on_change=_from_the_start)
    params: dict[str, str | int] = {"limit": PAGE}
    if value := WANTED[chosen or "All"]:
        params["value"] = value
    cursors: list[str] = st.session_state.setdefault(_SEEN, [])
    if cursors:
        params["cursor"] = cursors[-1]
    page = api.get("/api/v1/feedback", **params)
    if not page["items"]:
        st.info("Nobody has rated an answer yet." if not value and not cursors else "There is none.")
    lists.table([_row(item) for item in page["items"]])
    with st.container(horizontal=True):
        if cursors:
            st.button("Newer", on_click=_back)
        if page["next_cursor"]:
            st.button("Older", on_click=cursors.append, args=(page["next_cursor"],))


def _from_the_start() -> None:
    st.session_state[_SEEN] = []


def _back() -> None:
    st.session_state[_SEEN].pop()


def _row(item: dict[str, Any]) -> dict[str, object]:
    return {
        "Question": item["question"],
        "Thumb": "helpful" if item["value"] > 0 else "not helpful",
        "Comment": item["comment"],
        "When": item["created_at"][:16].replace("T", " "),
    }
