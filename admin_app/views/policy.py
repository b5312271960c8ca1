"""Page: which text may reach which models?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import deletion

CLASSES = {"internal": "Internal: any model that is allowed", "confidential": "Confidential: local models only"}


def show(api: ApiClient) -> None:
    """Data classes of collections, and the models the organisation allows."""
    st.title("Data rules")
    st.caption(
        "Rules for what is there; nothing is added on this page. Documents come on the page Documents. Collections "
        "cannot be made in this version: General is for everybody, and files of somebody's own have one each. A model "
        "is an entry under `plugins.llm_providers` in the configuration file of the installation; operators change its "
        "options under Settings."
    )
    _collections(api)
    _models(api)


def _collections(api: ApiClient) -> None:
    st.subheader("Collections")
    st.caption(
        "Passages of a confidential collection reach local models only; without one, answers quote them or are "
        "refused. The model that embeds reads all text: choose a local one where a collection is confidential."
    )
    deletion.show_last()
    for collection in api.get("/api/v1/collections"):
        _collection(api, collection)


def _collection(api: ApiClient, collection: dict[str, Any]) -> None:
    name, address = collection["name"], f"/api/v1/collections/{collection['id']}"
    count = collection["document_count"]
    shown = f"{count} document{'s' if count != 1 else ''}"
    left, middle, right = st.columns([5, 2, 1], vertical_alignment="bottom")
    chosen = left.selectbox(
        f"{name} ({shown})",
        list(CLASSES),
        index=list(CLASSES).index(collection["data_class"]),
        format_func=CLASSES.__getitem__,
        key=f"class-{collection['id']}",
    )
    days = middle.number_input(
        "Days to keep; 0 is for ever",
        min_value=0,
        max_value=36_500,
        value=collection["retention_days"] or 0,
        help="Documents are deleted so many days after their answering version began to answer.",
        key=f"days-{collection['id']}",
    )
    if chosen != collection["data_class"]:
        _told(partial(api.patch, address, {"data_class": chosen}), f"{name} is {chosen} from now on.")
    if (days or None) != collection["retention_days"]:
        kept = f"for {days} days" if days else "for ever"
        _told(partial(api.patch, address, {"retention_days": days or None}), f"{name} keeps documents {kept}.")
    with right:
        warning = (
            f"The collection stops answering at once; {shown} in it, with text, index entries and files, are removed."
        )
        deletion.offer(api, address, name=name, warning=warning, key=collection["id"], typed=True)


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
