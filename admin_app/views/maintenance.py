"""Page: what was put right while nobody watched, and what was deleted for good?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import lists

KINDS = {
    "vectors": "Vectors: those without rows go, documents without them get them again",
    "expired": "Expired sessions, links, keys and cached answers",
    "statistics": "How often terms occur, counted again",
    "files": "Stored files against their digests, and unused ones",
    "retention": "Documents and versions that are over their time",
}
REFRESH_S = 5


def show(api: ApiClient, *, operator: bool) -> None:
    """Rounds of upkeep for operators, receipts for every administrator."""
    st.title("Maintenance")
    if operator:
        st.subheader("Upkeep")
        _start(api)
        st.fragment(lambda: _reports(api), run_every=REFRESH_S)()
    st.subheader("Deleted for good")
    receipts = api.get("/api/v1/deletions", limit=100)
    if operator:
        receipts = sorted(
            receipts + api.get("/api/v1/organizations/deletions"), key=lambda one: str(one["created_at"]), reverse=True
        )
    _receipts(receipts)


def _start(api: ApiClient) -> None:
    kind = st.selectbox("Kind", list(KINDS), format_func=lambda one: KINDS[one])
    if kind and st.button("Run now", help="A worker begins within seconds; every kind runs daily by itself."):
        try:
            api.post(f"/api/v1/maintenance/{kind}")
        except ApiProblem as problem:
            st.error(str(problem))


def _reports(api: ApiClient) -> None:
    try:
        reports = api.get("/api/v1/maintenance", limit=50)
    except ApiProblem as problem:
        st.error(str(problem))
        return
    if not reports:
        st.info("No round has run yet. The first comes a day after the installation began.")
        return
    lists.table(
        [
            {
                "Kind": report["kind"],
                "State": _state(report),
                "Found": report["found"],
                "Put right": report["repaired"],
                "What": _parts(report["details"]),
                "Begun": _time(report["started_at"]),
                "Ended": _time(report["ended_at"]),
            }
            for report in reports
        ]
    )


def _receipts(receipts: list[dict[str, Any]]) -> None:
    if not receipts:
        st.info("Nothing was deleted yet.")
        return
    lists.table(
        [
            {
                "What": receipt["subject"],
                "Id": receipt["subject_id"],
                "State": "gone" if receipt["completed_at"] else "being removed",
                "Removed": _parts(receipt["removed"]),
                "Still there": _parts(receipt["left"]),
                "Asked for by": receipt["requested_by"],
                "When": _time(receipt["created_at"]),
                "In backups until": receipt["backups_until"] or "",
            }
            for receipt in receipts
        ]
    )


def _state(report: dict[str, Any]) -> str:
    if report["error"]:
        return f"broken off: {report['error']}"
    if report["ended_at"]:
        return "ended"
    return "under way" if report["started_at"] else "waits for a worker"


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _time(moment: str | None) -> str:
    return (moment or "")[:19].replace("T", " ")
