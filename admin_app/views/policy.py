"""Page: which text may reach which models?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem

CLASSES = {"internal": "Internal: any model that is allowed", "confidential": "Confidential: local models only"}


def show(api: ApiClient) -> None:
    """Data classes of collections, and the models the organisation allows."""
    st.title("Models and data")
    _collections(api)
    _models(api)


def _collections(api: ApiClient) -> None:
    st.subheader("Collections")
    st.caption("Text of a confidential collection never leaves this installation: without a local model it is refused.")
    for collection in api.get("/api/v1/collections"):
        count = collection["document_count"]
        chosen = st.selectbox(
            f"{collection['name']} ({count} document{'s' if count != 1 else ''})",
            list(CLASSES),
            index=list(CLASSES).index(collection["data_class"]),
            format_func=CLASSES.__getitem__,
            key=f"class-{collection['id']}",
        )
        if chosen != collection["data_class"]:
            change = partial(api.patch, f"/api/v1/collections/{collection['id']}", {"data_class": chosen})
            _told(change, f"{collection['name']} is {chosen} from now on.")


def _models(api: ApiClient) -> None:
    st.subheader("Allowed models")
    allowed = api.get("/api/v1/organization/models")["models"]
    with st.form("models"):
        text = st.text_area(
            "One name or pattern a line; empty allows all",
            "\n".join(allowed),
            placeholder="gpt-5*\nllama3.1:8b",
            help="* stands for any characters.",
        )
        if st.form_submit_button("Save", type="primary"):
            names = [line.strip() for line in (text or "").splitlines() if line.strip()]
            allows = ", ".join(names) or "All models"
            _told(partial(api.put, "/api/v1/organization/models", {"models": names}), f"Allowed: {allows}.")


def _told(call: Callable[[], object], done: str) -> None:
    try:
        call()
    except ApiProblem as problem:
        st.error(str(problem))
    else:
        st.success(done)
