"""Page: what documents are there, and how are they?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import deletion, versions
from core.states import DocumentStatus

_SHOWN = (DocumentStatus.READY, DocumentStatus.INDEXING, DocumentStatus.PENDING, DocumentStatus.FAILED)
STATES = ["all", *(status.value for status in _SHOWN)]


def show(api: ApiClient) -> None:
    """Upload, list, and what can be done with one."""
    st.title("Documents")
    if told := st.session_state.pop("restored", None):
        st.success(told)
    deletion.show_last()
    _upload(api)
    left, right = st.columns([3, 1])
    query = left.text_input("Find by name")
    state = right.selectbox("State", STATES)
    params: dict[str, str | int] = {"limit": 200, "q": query}
    if state and state != "all":
        params["status"] = state
    page = api.get("/api/v1/documents", **params)
    if not page["items"]:
        st.info("No documents yet. Drop some above." if not query and state == "all" else "Nothing matches.")
        return
    st.caption(f"{page['total']} document{'s' if page['total'] != 1 else ''}")
    chosen = st.dataframe(
        [_row(item) for item in page["items"]],
        hide_index=True,
        width="stretch",
        height=min(600, 35 * (len(page["items"]) + 1) + 3),
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = chosen["selection"]["rows"]
    if rows:
        _detail(api, page["items"][rows[0]])
    else:
        st.caption("Choose a row to see more.")


def _upload(api: ApiClient) -> None:
    files = st.file_uploader(
        "Add documents", accept_multiple_files=True, key=st.session_state.setdefault("drop", "drop-0")
    )
    if not files or not st.button(f"Upload {len(files)}", type="primary"):
        return
    for file in files:
        try:
            receipt = api.upload(file.name, file)
        except ApiProblem as problem:
            st.error(f"{file.name}: {problem}")
        else:
            st.success(versions.said_of(receipt))
    st.session_state["drop"] = f"drop-{int(st.session_state['drop'].split('-')[1]) + 1}"


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": item["filename"],
        "State": item["status"],
        "Version": item["version_number"],
        "Pages": item["pages"],
        "Passages": item["chunks"],
        "Size (kB)": round(item["size_bytes"] / 1000, 1),
        "Collection": item["collection_name"],
        "By": item["uploaded_by"],
        "Added": item["created_at"][:16].replace("T", " "),
    }


def _detail(api: ApiClient, item: dict[str, Any]) -> None:
    st.subheader(item["filename"])
    task = item["latest_task"] or {}
    if item["error_message"]:
        st.error(f"{item['error_message']} {task.get('next_step') or ''}")
    if item["warning"]:
        st.warning(item["warning"])
    first, second = st.columns(2)
    if first.button("Read again", help="Parse and index the newest version once more."):
        api.post(f"/api/v1/documents/{item['id']}/reindex")
        st.success("It is being read again; see Jobs.")
    with second:
        deletion.offer(
            api,
            f"/api/v1/documents/{item['id']}",
            name=item["filename"],
            warning="The document stops answering at once. Text, index entries and file are removed, and what lay "
            "in it, such as attachments.",
            key=item["id"],
        )
    versions.show(api, item)
