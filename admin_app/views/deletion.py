"""Part of pages: how is something deleted for good, and what became of it?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem

_TOLD = "deleted"
COUNTED = {"documents": "document", "files": "file", "chats": "conversation"}


def show_last() -> None:
    """What the receipt of the last deletion says, once."""
    if told := st.session_state.pop(_TOLD, None):
        st.success(told)


def offer(api: ApiClient, path: str, *, name: str, warning: str, key: str, typed: bool = False) -> None:
    """A button that asks once more before it deletes.

    Args:
        typed: The name has to be written out; for what takes much along.
    """
    with st.popover("Delete …"):
        st.write(warning)
        ready = not typed or st.text_input(f"Write {name} to confirm", key=f"confirm-{key}") == name
        if st.button("Delete for good", type="primary", key=f"delete-{key}", disabled=not ready):
            try:
                receipt = api.delete(path)
            except ApiProblem as problem:
                st.error(str(problem))
            else:
                st.session_state[_TOLD] = said_of(name, receipt)
                st.rerun()


def said_of(name: str, receipt: dict[str, Any]) -> str:
    """A receipt in words."""
    parts = [f"{count} {word}{'s' if count != 1 else ''}" for word, count in _counts(receipt["removed"])]
    gone = f" With it went {', '.join(parts)}." if parts else ""
    if not receipt["completed_at"]:
        return f"{name} answers no more; the rest of it is being removed, see Maintenance."
    return f"{name} is gone.{gone} Backups hold it until {receipt['backups_until']}."


def _counts(removed: dict[str, int]) -> list[tuple[str, int]]:
    return [(word, removed[table]) for table, word in COUNTED.items() if removed.get(table)]
