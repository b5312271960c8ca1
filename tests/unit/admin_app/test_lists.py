"""Are rows shown as they are, whatever is in them?"""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from admin_app.views.lists import line, plain


def _page() -> None:
    from admin_app.views import lists

    lists.table([{"Name": "<script>alert(1)</script>", "Open": True, "Pages": 1200, "Note": None}])
    if lists.opened("thing", "1", "a_b_*c*.md", "ready"):
        import streamlit as st

        st.text("opened")


def test_text_in_a_table_is_text_and_each_cell_knows_its_column() -> None:
    shown = AppTest.from_function(_page).run().get("html")[0].proto.body
    assert "<script>" not in shown
    assert '<td class="text" data-label="Name">&lt;script&gt;alert(1)&lt;/script&gt;</td>' in shown
    assert '<td class="text" data-label="Open">yes</td>' in shown
    assert '<td class="number" data-label="Pages">1,200</td>' in shown
    assert '<td class="text" data-label="Note"></td>' in shown


def test_a_row_opens_and_closes_by_its_name() -> None:
    page = AppTest.from_function(_page).run()
    assert [text.value for text in page.text] == []
    page.button[0].click().run()
    assert [text.value for text in page.text] == ["opened"]
    page.button[0].click().run()
    assert [text.value for text in page.text] == []


def test_names_are_no_markdown_and_what_is_unknown_is_left_out() -> None:
    assert plain("a_b *c* $d$ [e](f)") == r"a\_b \*c\* \$d\$ \[e\]\(f\)"
    assert line("ready", "", None, 3, 0) == "ready · 3 · 0"
