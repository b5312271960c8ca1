"""Part of the documents page: which versions has a document, what changed, and how does one answer again?"""

from __future__ import annotations

from typing import IO, Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import lists


def show(api: ApiClient, document: dict[str, Any]) -> None:
    """Near duplicates, versions with their times, the difference of two, and the way back."""
    path = f"/api/v1/documents/{document['id']}"
    _similar(api.get(path)["similar"])
    versions = api.get(f"{path}/versions")
    lists.table([_row(version) for version in versions])
    if len(versions) < 2:
        return
    _difference(api, path, [version["number"] for version in versions])
    _way_back(api, path, [version for version in versions if not version["answers"]])


def _similar(found: list[dict[str, Any]]) -> None:
    for other in found:
        share = "The same content" if other["identical"] else f"Nearly the same ({other['similarity']:.0%})"
        st.info(f"{share} as {other['filename']} in {other['collection_name']}.")


def _row(version: dict[str, Any]) -> dict[str, Any]:
    times = [f"{_moment(one['valid_from'])} - {_moment(one['valid_to'])}" for one in version["periods"]]
    return {
        "Version": version["number"],
        "State": "answers" if version["answers"] else version["error_message"] or "superseded",
        "File": version["filename"],
        "Handed in": _moment(version["created_at"]),
        "Answered (UTC)": "; ".join(times),
        "Pages": version["pages"],
        "Passages": version["chunks"],
    }


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "now"


def offer_new(api: ApiClient, document: dict[str, Any]) -> None:
    """A button that takes a file of any name as the next version."""
    with st.popover("New version …"):
        st.write("The file may have any name. Until it is read, the version of now answers.")
        file: IO[bytes] | None = st.file_uploader("File", key=f"version-{document['id']}")
        if file is None or not st.button("Hand in", type="primary"):
            return
        try:
            receipt = api.upload(getattr(file, "name", ""), file, document_id=document["id"])
        except ApiProblem as problem:
            st.error(str(problem))
        else:
            st.success(said_of(receipt))


def said_of(receipt: dict[str, Any]) -> str:
    """What a receipt tells at once."""
    words = "is here already, unchanged" if receipt["unchanged"] else "is being read; see Jobs"
    same = [f"The same content as {one['filename']}." for one in receipt["similar"] if one["identical"]]
    return " ".join(filter(None, [f"{receipt['filename']} {words}.", receipt["note"], *same]))


def _difference(api: ApiClient, path: str, numbers: list[int]) -> None:
    left, right = st.columns(2)
    before = left.selectbox("From version", numbers, index=1)
    after = right.selectbox("To version", numbers, index=0)
    if not st.toggle("Show what changed") or before == after:
        return
    try:
        found = api.get(f"{path}/versions/{before}/diff/{after}")
    except ApiProblem as problem:
        st.error(str(problem))
        return
    changed = len(found["changes"])
    st.caption(f"{changed} page{'' if changed == 1 else 's'} changed, {found['pages_unchanged']} did not.")
    if found["truncated"]:
        st.warning("There is more than is shown here. Download both files to compare all of it.")
    st.code(found["unified"] or "The text is the same.", language="diff")


def _way_back(api: ApiClient, path: str, others: list[dict[str, Any]]) -> None:
    with st.popover("Restore …"):
        chosen = st.selectbox("Version", others, format_func=lambda version: str(version["number"]))
        if chosen is None:
            return
        st.write(
            f"Version {chosen['number']} answers at once instead of the one of now. Restoring that one takes it back."
            if chosen["at_once"]
            else f"The index no longer holds version {chosen['number']}: it is read again and answers afterwards."
        )
        if st.button(f"Let version {chosen['number']} answer", type="primary"):
            try:
                done = api.post(f"{path}/versions/{chosen['number']}/restore")
            except ApiProblem as problem:
                st.error(str(problem))
                return
            st.session_state["restored"] = done["note"] or f"Version {chosen['number']} answers now."
            st.rerun()
