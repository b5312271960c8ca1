"""Page: is everything well?"""

from __future__ import annotations

import streamlit as st

from admin_app.api_client import ApiClient
from admin_app.views import lists

WORDS = {"healthy": "All is well.", "degraded": "It works, but not everything is well.", "broken": "It does not work."}


def show(api: ApiClient) -> None:
    """The health report in plain words."""
    st.title("Health")
    report = api.health()
    tell = {"healthy": st.success, "degraded": st.warning}.get(report["status"], st.error)
    tell(WORDS.get(report["status"], report["status"]))
    lists.table(
        [
            {
                "Part": item["name"],
                "Kind": item["kind"],
                "State": item["status"],
                "What it says": item["detail"],
                "Took (ms)": round(item["latency_ms"], 1),
            }
            for item in report["items"]
        ]
    )
