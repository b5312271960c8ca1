"""Page: what is being read right now?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import lists
from core.states import TaskStatus

REFRESH_S = 2
LAST = 100


def show(api: ApiClient) -> None:
    """Receipts, newest first."""
    st.title("Jobs")
    st.fragment(lambda: _receipts(api), run_every=REFRESH_S)()


def _receipts(api: ApiClient) -> None:
    try:
        receipts = api.get("/api/v1/tasks", limit=LAST)
    except ApiProblem as problem:
        st.error(str(problem))
        return
    if not receipts:
        st.info("Nothing has been handed in yet. Add documents on the page Documents, or drop them into the chat.")
        return
    waiting = sum(TaskStatus(receipt["status"]).is_under_way for receipt in receipts)
    failed = sum(receipt["status"] == TaskStatus.FAILED for receipt in receipts)
    under_way, wrong = st.columns(2)
    under_way.metric("Under way", waiting)
    wrong.metric(f"Failed, of the last {LAST}", failed)
    st.caption("Choose one to see what was read, to stop it, or to read it again.")
    with lists.close_together():
        for receipt in receipts:
            if lists.opened("job", receipt["task_id"], receipt["filename"], _said(receipt)):
                with st.container(border=True):
                    _one(api, receipt)
            if receipt["status"] == TaskStatus.RUNNING:
                st.progress(receipt["progress"])


def _said(receipt: dict[str, Any]) -> str:
    tried = f"attempt {receipt['attempts']}" if receipt["attempts"] > 1 else ""
    return lists.line(_stage(receipt), receipt["error_message"], tried, _moment(receipt["started_at"]))


def _moment(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ")


def _stage(receipt: dict[str, Any]) -> str:
    if receipt["queue_position"]:
        return f"waiting, number {receipt['queue_position']}"
    said = str(receipt["stage"])
    if receipt["pages_done"] is not None:
        said += f", {receipt['pages_done']} of {receipt['pages']} pages"
    if receipt["seconds_left"]:
        said += f", about {receipt['seconds_left']} s left"
    return said


def _one(api: ApiClient, receipt: dict[str, Any]) -> None:
    """What is known of one document, and what can be done with it."""
    if receipt["error_message"]:
        st.error(" ".join(filter(None, (receipt["error_message"], receipt["next_step"]))))
    for warning in receipt["warnings"]:
        st.warning(warning)
    if coverage := receipt["coverage"]:
        st.write(
            f"{coverage['pages_with_text']} of {coverage['pages']} pages have text, "
            f"{coverage['pages_recognised']} of them recognised in pictures; {coverage['tables']} tables, "
            f"{coverage['headings']} headings, {coverage['characters']:,} characters in {receipt['chunks']} chunks."
        )
    if receipt["stages"]:
        st.caption("Seconds: " + " · ".join(f"{stage} {seconds:g}" for stage, seconds in receipt["stages"].items()))
    under_way = TaskStatus(receipt["status"]).is_under_way
    label, path = (
        ("Stop reading", f"/api/v1/tasks/{receipt['task_id']}/cancel")
        if under_way
        else ("Read again", f"/api/v1/documents/{receipt['document_id']}/reindex")
    )
    if st.button(label, key=f"job-{receipt['task_id']}"):
        try:
            api.post(path)
        except ApiProblem as problem:
            st.error(str(problem))
        else:
            st.rerun(scope="fragment")
