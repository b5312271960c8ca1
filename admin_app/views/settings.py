"""Page: how is the installation set, and how does it become otherwise?"""

from __future__ import annotations

from typing import Any

import streamlit as st
import yaml

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import lists

ROLES = {"primary": "answers, and takes what is new", "fallback": "stands in for it", "former": "is being left"}
SECONDS_A_MINUTE = 60


def show(api: ApiClient) -> None:
    """What is in force, a change tried and saved, and the way back."""
    st.title("Settings")
    st.caption("They hold for the whole installation and are in force within seconds; answers under way finish first.")
    now, change, past, indexes = st.tabs(["In force", "Change", "History", "Index"])
    settings = api.get("/api/v1/settings")
    with now:
        _in_force(settings)
    with change:
        _change(api, {item["key"]: item for item in settings if not item["locked"]})
    with past:
        _history(api)
    with indexes:
        _indexes(api)


def _in_force(settings: list[dict[str, str]]) -> None:
    wanted = st.text_input("Find by key or value", key="find-setting").casefold()
    rows = [
        {"Key": item["key"], "Value": item["value"], "Comes from": item["origin"], "Locked": item["locked"]}
        for item in settings
        if wanted in f"{item['key']} {item['value']}".casefold()
    ]
    if not rows:
        st.info("No setting has that in its key or value.")
        return
    lists.table(rows)


def _change(api: ApiClient, free: dict[str, dict[str, str]]) -> None:
    key = st.selectbox("Setting", list(free), index=None, placeholder="Choose, or type a part of its name")
    if not key:
        st.caption("What is not in this list is set where the installation is deployed, or by the environment.")
        return
    st.caption(f"Now {free[key]['value'] or 'empty'}, from {free[key]['origin']}.")
    back = st.checkbox("Take it back to what the files say")
    written = st.text_input("New value", free[key]["value"], disabled=back, help="As in YAML: 3, true, [a, b], text.")
    reason = st.text_input("Why", placeholder="For whoever comes after you")
    try:
        changes = {key: None if back else yaml.safe_load(written)}
    except yaml.YAMLError as error:
        st.error(f"That is not YAML: {error}")
        return
    left, right = st.columns(2)
    if left.button("Try", help="Shows what would happen; nothing is saved.", width="stretch"):
        _told(api, changes)
    if right.button("Save", type="primary", disabled=not reason.strip(), width="stretch"):
        try:
            version = api.put("/api/v1/settings", {"changes": changes, "reason": reason})
        except ApiProblem as problem:
            st.error(str(problem))
        else:
            st.success(f"Saved as version {version['number']}. It is in force within seconds; History takes it back.")


def _told(api: ApiClient, changes: dict[str, Any]) -> None:
    try:
        preview = api.post("/api/v1/settings/preview", {"changes": changes})
    except ApiProblem as problem:
        st.error(str(problem))
        return
    if not preview["changes"]:
        st.info("Nothing would change.")
        return
    lists.table([{"Key": item["key"], "Now": item["before"], "Then": item["after"]} for item in preview["changes"]])
    st.write(f"Plugins built anew: {', '.join(preview['rebuilt']) or 'none'}.")
    if preview["reembedded"]:
        st.warning(
            f"{preview['reembedded']} documents of your organisation would be read again. "
            "They answer all the while; Index shows how far it is."
        )


def _history(api: ApiClient) -> None:
    versions = api.get("/api/v1/settings/versions")
    if not versions:
        st.info("Nobody has changed a setting here yet: the files and the environment are in force.")
        return
    for version in versions:
        with st.container(border=True):
            back = f", back to version {version['restored_number']}" if version["restored_number"] is not None else ""
            st.markdown(f"**Version {version['number']}**{back} · {version['created_at'][:16].replace('T', ' ')}")
            st.text(version["reason"])
            for item in version["changes"]:
                st.text(f"{item['key']}: {item['before'] or 'empty'} → {item['after'] or 'empty'}")
            if version is not versions[0]:
                _restore(api, version["number"], "Put this version in force")
    _restore(api, 0, "Put in force what the files say")


def _restore(api: ApiClient, number: int, word: str) -> None:
    with st.popover(f"{word} …"):
        reason = st.text_input("Why", key=f"why-{number}")
        if st.button(word, key=f"restore-{number}", type="primary", disabled=not reason.strip()):
            try:
                api.post(f"/api/v1/settings/versions/{number}/restore", {"reason": reason})
            except ApiProblem as problem:
                st.error(str(problem))
            else:
                st.rerun()


@st.fragment(run_every=2)
def _indexes(api: ApiClient) -> None:
    """How far documents are on their way to another model or store."""
    for index in api.get("/api/v1/settings/indexes"):
        with st.container(border=True):
            st.markdown(f"**{index['model']}** in {index['store']} · {ROLES[index['role']]}")
            total = index["total"]
            if not total:
                st.caption("No documents yet.")
                continue
            st.progress(min(index["documents"] / total, 1.0), f"{index['documents']} of {total} documents")
            if index["role"] != "former" and index["documents"] < total:
                st.caption(_estimate(index["seconds_left"]))


def _estimate(seconds: float | None) -> str:
    if seconds is None:
        return "Waiting for a worker; the estimate comes with the first documents."
    minutes = seconds / SECONDS_A_MINUTE
    return f"About {minutes:.0f} minutes left." if minutes >= 1 else "Less than a minute left."
