"""Page: which organisations are there, and what became of those that were deleted?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from admin_app.api_client import ApiClient, ApiProblem
from admin_app.views import deletion, lists

COUNTED = {"users": ("account", "accounts"), **deletion.COUNTED}
REFRESH_S = 5
_LAST = "deleted-organization"
"""Where a session keeps the name and the receipt of what it deleted last."""


def show(api: ApiClient, *, own_id: str) -> None:
    """List, delete, receipts; for operators.

    Args:
        own_id: The organisation the operator is signed in to.
    """
    st.title("Organisations")
    organizations = api.get("/api/v1/organizations")
    _listed(organizations)
    _delete(api, [one for one in organizations if not one["is_being_deleted"]], own_id)
    st.subheader("Deleted for good")
    st.fragment(lambda: _receipts(api), run_every=REFRESH_S)()


def _listed(organizations: list[dict[str, Any]]) -> None:
    lists.table(
        [
            {
                "Name": one["name"],
                "Plan": one["plan"],
                "People": one["users"],
                "Documents": one["documents"],
                "Created": one["created_at"][:16].replace("T", " "),
                "State": "being deleted" if one["is_being_deleted"] else "in use",
            }
            for one in organizations
        ]
    )


def _delete(api: ApiClient, organizations: list[dict[str, Any]], own_id: str) -> None:
    by_id = {one["id"]: one for one in organizations}
    chosen = st.selectbox(
        "Delete an organisation",
        list(by_id),
        index=None,
        format_func=lambda one: _label(by_id[one]),
        placeholder="Choose one",
    )
    if not chosen:
        return
    one, own = by_id[chosen], chosen == own_id
    if one["has_last_operator"]:
        st.info(
            f"{one['name']} has the only operator of this installation. Delete it where the installation runs: "
            "`foundry organization delete`."
        )
        return
    if own:
        st.warning("You are signed in to this organisation. Deleting it signs you out, and your account goes with it.")
    deletion.offer(
        api,
        f"/api/v1/organizations/{chosen}",
        name=one["name"],
        warning=f"{one['name']} answers nobody from the first moment. {_size(one)}, with conversations, text, index "
        "entries and files, are removed. It cannot be taken back.",
        key=chosen,
        typed=True,
        on_deleted=lambda receipt: _remember(one["name"], receipt, own=own),
    )


def _label(one: dict[str, Any]) -> str:
    """Names may occur twice; what is in it and when it was made tell them apart."""
    return f"{one['name']} ({_size(one)}, since {one['created_at'][:10]})"


def _size(one: dict[str, Any]) -> str:
    counts = (one["users"], ("account", "accounts")), (one["documents"], ("document", "documents"))
    return ", ".join(deletion.counted(count, words) for count, words in counts)


def _remember(name: str, receipt: dict[str, Any], *, own: bool) -> None:
    if own:
        # The session ended with the organisation: the next call finds that out, and sign-in says this.
        deletion.tell(f"{name} answers nobody any more, and you are signed out. A worker removes the rest of it.")
    else:
        st.session_state[_LAST] = {"name": name, "id": receipt["id"], "open": True}


def _receipts(api: ApiClient) -> None:
    try:
        receipts = api.get("/api/v1/organizations/deletions")
    except ApiProblem as problem:
        st.error(str(problem))
        return
    if not receipts:
        st.info("Nothing was deleted yet.")
        return
    _follow(receipts)
    lists.table(
        [
            {
                "When": receipt["created_at"][:16].replace("T", " "),
                "State": "gone" if receipt["completed_at"] else "being removed",
                "Went": deletion.went_with(receipt, COUNTED),
                "In backups until": receipt["backups_until"] or "",
                "Still there": ", ".join(f"{count} {what}" for what, count in sorted(receipt["left"].items())),
                "Id": receipt["subject_id"],
                "Asked for by": receipt["requested_by"],
            }
            for receipt in receipts
        ]
    )
    st.caption("Receipts hold no names. Page Maintenance lists all that was counted.")


def _follow(receipts: list[dict[str, Any]]) -> None:
    """What became of the one that was deleted last, in words, until the page is left."""
    last = st.session_state.get(_LAST)
    receipt = next((one for one in receipts if last and one["id"] == last["id"]), None)
    if last is None or receipt is None:
        return
    if not receipt["completed_at"]:
        st.info(f"{last['name']} answers nobody any more; the rest of it is being removed.")
        return
    st.success(deletion.said_of(last["name"], receipt, COUNTED))
    if last["open"]:
        last["open"] = False
        st.rerun()  # It is in the list above no longer.
