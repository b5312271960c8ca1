"""Page: what is being read right now?"""

from __future__ import annotations

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem

REFRESH_S = 2


def show(api: ApiClient) -> None:
    """Receipts, newest first."""
    st.title("Jobs")
    st.fragment(lambda: _receipts(api), run_every=REFRESH_S)()


def _receipts(api: ApiClient) -> None:
    try:
        receipts = api.get("/api/v1/tasks", limit=100)
    except ApiProblem as problem:
        st.error(str(problem))
        return
    if not receipts:
        st.info("Nothing has been handed in yet. Add documents on the page Documents, or drop them into the chat.")
        return
    waiting = sum(receipt["status"] in {"queued", "running"} for receipt in receipts)
    failed = sum(receipt["status"] == "failed" for receipt in receipts)
    under_way, wrong = st.columns(2)
    under_way.metric("Under way", waiting)
    wrong.metric("Failed, of the last 100", failed)
    st.dataframe(
        [
            {
                "Document": receipt["filename"],
                "Stage": receipt["stage"],
                "Progress": receipt["progress"],
                "What happened": " ".join(
                    filter(None, (receipt["error_message"], receipt["next_step"], *receipt["warnings"]))
                ),
                "Attempts": receipt["attempts"],
                "Begun": (receipt["started_at"] or "")[:19].replace("T", " "),
            }
            for receipt in receipts
        ],
        hide_index=True,
        width="stretch",
        height=600,
        column_config={"Progress": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d %%")},
    )
