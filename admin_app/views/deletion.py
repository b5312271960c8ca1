"""Part of pages: how is something deleted for good, and what became of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem

_TOLD = "deleted"
COUNTED = {
    "documents": ("document", "documents"),
    "files": ("file", "files"),
    "chats": ("conversation", "conversations"),
}
"""What people know of what went, of all that a receipt counts: one of it, several."""


def show_last() -> None:
    """What the receipt of the last deletion says, once."""
    if told := last_told():
        st.success(told)


def last_told() -> str:
    """What is to be said and was not yet; it counts as said."""
    return str(st.session_state.pop(_TOLD, ""))


def tell(said: str) -> None:
    """Have the next page say it, once."""
    st.session_state[_TOLD] = said


def offer(
    api: ApiClient,
    path: str,
    *,
    name: str,
    warning: str,
    key: str,
    typed: bool = False,
    on_deleted: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """A button that asks once more before it deletes.

    Args:
        typed: The name has to be written out; for what takes much along.
        on_deleted: Is given the receipt; without it the next page says what the receipt does.
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
                if on_deleted:
                    on_deleted(receipt)
                else:
                    tell(said_of(name, receipt))
                st.rerun()


def said_of(name: str, receipt: dict[str, Any], words: Mapping[str, tuple[str, str]] = COUNTED) -> str:
    """A receipt in words."""
    went = went_with(receipt, words)
    gone = f" With it went {went}." if went else ""
    if not receipt["completed_at"]:
        return f"{name} answers no more; the rest of it is being removed, see Maintenance."
    return f"{name} is gone.{gone} Backups hold it until {receipt['backups_until']}."


def went_with(receipt: dict[str, Any], words: Mapping[str, tuple[str, str]] = COUNTED) -> str:
    """What people know of what went, counted; empty when nothing of that did."""
    removed = receipt["removed"]
    return ", ".join(counted(removed[table], words[table]) for table in words if removed.get(table))


def counted(count: int, words: tuple[str, str]) -> str:
    """``1 document``, ``2 documents``."""
    return f"{count:,} {words[count != 1]}"
