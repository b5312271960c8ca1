"""What is read of a text in reStructuredText?"""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils.parsers.rst import directives, roles

from core.types import BlockKind
from plugins.parser.readers.markup import rst

TABLE = """\
.. table:: Prices

   +------+-------+-------+
   | Part | Price | Stock |
   +======+=======+=======+
   | Pump | unknown       |
   +------+-------+-------+
"""


def pieces(text: str, folder: Path) -> list[tuple[BlockKind, str]]:
    path = folder / "document.rst"
    path.write_text(text, encoding="utf-8")
    (page,) = rst.read(path).pages
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("The *valve* **opens** at ``6 bar``.", "The valve opens at 6 bar."),
        ("See `the manual <https://example.org/m>`_.", "See the manual (https://example.org/m)."),
        ("See manual_.\n\n.. _manual: https://example.org/m", "See manual (https://example.org/m)."),
        ("See https://example.org/m or ask me@example.org.", "See https://example.org/m or ask me@example.org."),
        ("Press :kbd:`F1`, see :ref:`care <care-of-valves>`.", "Press F1, see care."),
        ("Call :py:func:`~pump.valve.open`.", "Call pump.valve.open."),
        ("The |part| opens.\n\n.. |part| replace:: main valve", "The main valve opens."),
        ("The |sign| opens.\n\n.. |sign| image:: sign.png\n   :unheard: of", "The  opens."),
        ("Slowly [1]_.", "Slowly [1]_."),
        ("| Plant Road 1\n| Hull", "Plant Road 1\nHull"),
        (":Author: Marta", "Author: Marta"),
        ("Valve\n  Opens at 6 bar.", "Valve\nOpens at 6 bar."),
        ("-v, --valve=N  Opens it.", "-v, --valve=N: Opens it."),
        (".. versionchanged:: 3.2\n   Opens *slowly*.", "3.2\nOpens slowly."),
        (".. figure:: a.png\n   :unheard: of\n\n   The open valve.", "a.png\n:unheard: of\nThe open valve."),
        ("Unclosed *valve", "Unclosed *valve"),
    ],
)
def test_words_are_read_without_their_marks(written: str, read: str, tmp_path: Path) -> None:
    found = pieces(written, tmp_path)
    assert "|".join(text for _, text in found) == read
    assert {kind for kind, _ in found} == {BlockKind.TEXT}


def test_a_note_stands_below_with_its_number(tmp_path: Path) -> None:
    assert pieces("Slowly [1]_, see [Hull]_.\n\n.. [1] In a minute.\n.. [Hull] The plant there.", tmp_path) == [
        (BlockKind.TEXT, "Slowly [1], see [Hull]."),
        (BlockKind.TEXT, "[1] In a minute."),
        (BlockKind.TEXT, "[Hull] The plant there."),
    ]


def test_lists_keep_their_numbers_and_what_lies_in_them(tmp_path: Path) -> None:
    text = "3. Close\n4. Open\n\n   - slowly::\n\n       open --valve\n\n   - fully"
    assert pieces(text, tmp_path) == [
        (BlockKind.LIST, "3. Close\n4. Open\n  - slowly:\n    open --valve\n  - fully"),
    ]


def test_a_merged_cell_is_said_in_every_column(tmp_path: Path) -> None:
    assert pieces(TABLE, tmp_path) == [
        (BlockKind.TEXT, "Prices"),
        (BlockKind.TABLE, "| Part | Price | Stock |\n|---|---|---|\n| Pump | unknown | unknown |"),
    ]


def test_rows_that_are_no_table_are_read_as_words(tmp_path: Path) -> None:
    broken = "+------+---+\n| Pump |\n+------+---+"
    assert "Pump" in "".join(text for _, text in pieces(broken, tmp_path))


@pytest.mark.parametrize(
    "reading",
    [
        ".. include:: {}",
        ".. include:: {}\n   :literal:",
        ".. literalinclude:: {}",
        ".. csv-table::\n   :file: {}",
        ".. raw:: html\n   :file: {}",
        ".. raw:: html\n\n   <script>secret</script>",
        ".. role:: html(raw)\n   :format: html\n\nA :html:`<b>` b.",
    ],
)
def test_no_other_file_is_read_and_nothing_passes_as_it_is(reading: str, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("secret,words")
    text = "".join(text for _, text in pieces(f"Words.\n\n{reading.format(tmp_path / 'other.txt')}\n", tmp_path))
    assert text.startswith("Words.")
    assert "secret" not in text


def test_settings_of_the_folder_hold_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.txt").write_text("secret")
    (tmp_path / "docutils.conf").write_text("[parsers]\nfile_insertion_enabled: yes")
    monkeypatch.chdir(tmp_path)
    assert pieces("Words.\n\n.. include:: other.txt", tmp_path) == [(BlockKind.TEXT, "Words.")]


def test_other_readers_of_the_same_process_look_names_up_as_before(tmp_path: Path) -> None:
    before = directives.directive, roles.role
    pieces(".. unheard-of:: words", tmp_path)
    assert (directives.directive, roles.role) == before
