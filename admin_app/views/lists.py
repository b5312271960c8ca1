"""Parts of pages: how are many things shown, on wide screens and narrow ones, and how is one of them chosen?"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:$<>&])")
_STYLE = """<style>
.kf-table { width: 100%; border-collapse: collapse; font-size: .875rem; }
.kf-table th, .kf-table td { padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.kf-table th { font-weight: 600; opacity: .7; overflow-wrap: normal; }
.kf-table .number { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  .kf-table thead { display: none; }
  .kf-table tr { display: block; padding: .4rem 0;
    border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
  .kf-table td, .kf-table .number { display: flex; gap: .75rem; padding: .15rem 0; border: 0; text-align: left; }
  .kf-table td:empty { display: none; }
  .kf-table td::before { content: attr(data-label); flex: 0 0 7.5rem; opacity: .7; }
  .kf-table td:first-child { font-weight: 600; }
  .kf-table td:first-child::before { display: none; }
}
</style>"""


def table(rows: Sequence[Mapping[str, object]]) -> None:
    """Rows to read: text is wrapped, and on a narrow screen each row is a card, so that nothing is cut off."""
    if not rows:
        return
    head = "".join(f'<th class="{_kind(value)}">{html.escape(name)}</th>' for name, value in rows[0].items())
    body = "".join(f"<tr>{''.join(_cell(name, value) for name, value in row.items())}</tr>" for row in rows)
    st.html(f'{_STYLE}<table class="kf-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def _kind(value: object) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "text"


def _cell(name: str, value: object) -> str:
    words = {True: "yes", False: "no", None: ""}
    shown = words[value] if isinstance(value, bool | None) else f"{value:,}" if _kind(value) == "number" else str(value)
    return f'<td class="{_kind(value)}" data-label="{html.escape(name)}">{html.escape(shown)}</td>'


def close_together() -> DeltaGenerator:
    """Where rows to choose from stand close together."""
    return st.container(gap="xxsmall")


def opened(group: str, item_id: str, name: str, said: str) -> bool:
    """A row to choose from: its name opens it and closes it again, and what can be done with it stands right below.

    Args:
        group: Of the rows of one group, at most one is open.
        said: What is known of it, in a line.
    """
    is_open = st.session_state.get(group) == item_id
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        st.button(
            plain(name),
            key=f"open-{group}-{item_id}",
            type="tertiary",
            icon=":material/expand_less:" if is_open else ":material/expand_more:",
            on_click=_toggle,
            args=(group, item_id),
        )
        st.caption(plain(said), width="content")
    return is_open


def _toggle(group: str, item_id: str) -> None:
    st.session_state[group] = None if st.session_state.get(group) == item_id else item_id


def plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def line(*parts: object) -> str:
    """What there is of it, one after the other."""
    return " · ".join(str(part) for part in parts if part not in (None, ""))
