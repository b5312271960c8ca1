"""Page: what documents are there, and how are they?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import deletion, lists, versions
from core.states import DocumentStatus

PAGE, LARGEST_PAGE = 50, 200
_WANTED = "documents-wanted"
_SHOWN = (DocumentStatus.READY, DocumentStatus.INDEXING, DocumentStatus.PENDING, DocumentStatus.FAILED)
STATES = ["all", *(status.value for status in _SHOWN)]

_ORDERS = (
    "Some sentences read like orders to an assistant. They are treated as text, never followed. Look whether they "
    "belong in this document:"
)


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
    params: dict[str, str | int] = {"q": query}
    if state and state != "all":
        params["status"] = state
    items, total = _found(api, params, st.session_state.setdefault(_WANTED, PAGE))
    if not items:
        st.info("No documents yet. Drop some above." if not query and state == "all" else "Nothing matches.")
        return
    st.caption(f"{total} document{'s' if total != 1 else ''}. Choose one to see more.")
    with lists.close_together():
        for item in items:
            if lists.opened("document", item["id"], item["filename"], _said(item)):
                with st.container(border=True):
                    _detail(api, item)
    if len(items) < total:
        st.button(f"Show {PAGE} more", on_click=_more)


def _found(api: ApiClient, params: dict[str, str | int], wanted: int) -> tuple[list[dict[str, Any]], int]:
    """So many documents, the newest first, and how many there are."""
    items: list[dict[str, Any]] = []
    while True:
        page = api.get("/api/v1/documents", limit=min(LARGEST_PAGE, wanted - len(items)), **params)
        items += page["items"]
        if page["next_cursor"] is None or len(items) >= wanted:
            return items, page["total"]
        params = {**params, "cursor": page["next_cursor"]}


def _more() -> None:
    st.session_state[_WANTED] += PAGE


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


def _said(item: dict[str, Any]) -> str:
    return lists.line(
        item["status"], f"version {item['version_number']}", item["collection_name"], item["created_at"][:10]
    )


def _detail(api: ApiClient, item: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        read_again = st.button("Read again", help="Parse and index the version that answers once more.")
        versions.offer_new(api, item)
        deletion.offer(
            api,
            f"/api/v1/documents/{item['id']}",
            name=item["filename"],
            warning="The document stops answering at once. Text, index entries and file are removed, and what lay "
            "in it, such as attachments.",
            key=item["id"],
        )
    if read_again:
        api.post(f"/api/v1/documents/{item['id']}/reindex")
        st.success("It is being read again; see Jobs.")
    task = item["latest_task"] or {}
    if item["error_message"]:
        st.error(f"{item['error_message']} {task.get('next_step') or ''}")
    if item["warning"]:
        st.warning(item["warning"])
    if item["orders"]:
        st.warning(_ORDERS)
        # As plain text: what stands in a document is never markup of this page.
        st.code("\n".join(one["sentence"] for one in item["orders"]), language=None, wrap_lines=True)
    st.text(
        lists.line(
            f"{item['pages']} pages" if item["pages"] else "",
            f"{item['chunks']} passages",
            f"{item['size_bytes'] / 1000:,.1f} kB",
            f"by {item['uploaded_by']}" if item["uploaded_by"] else "",
            item["created_at"][:16].replace("T", " "),
        )
    )
    versions.show(api, item)
