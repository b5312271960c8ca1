"""Page: what is being read right now?"""

from __future__ import annotations

import streamlit as st

from admin_app.api_client import ApiClient


def show(api: ApiClient) -> None:
    """Receipts, newest first."""
    st.title("Jobs")
    if st.button("Refresh"):
        st.rerun()
    receipts = api.get("/api/v1/tasks", limit=100)
    if not receipts:
        st.info("Nothing has been handed in yet.")
        return
    st.dataframe(
        [
            {
                "Document": receipt["filename"],
                "State": receipt["status"],
                "Stage": receipt["stage"],
                "Progress": receipt["progress"],
                "Attempts": receipt["attempts"],
                "Cause": receipt["error_message"] or "",
                "What to do": receipt["next_step"] or "",
                "Begun": (receipt["started_at"] or "")[:19].replace("T", " "),
            }
            for receipt in receipts
        ],
        hide_index=True,
        width="stretch",
        column_config={"Progress": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d %%")},
    )
