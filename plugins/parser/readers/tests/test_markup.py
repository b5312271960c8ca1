"""Do texts in Org, reStructuredText and XML keep their structure?"""

from __future__ import annotations

from pathlib import Path

from core.types import BlockKind
from plugins.parser.readers.tests.reading import blocks, parsed

ORG = """\
#+TITLE: Handbook
# a comment
* TODO [#A] Valves :plant:safety:
:PROPERTIES:
:ID: 4711
:END:
SCHEDULED: <2026-01-01>
The valve opens
at 6 bar.

- One
- Two
** Code
#+BEGIN_SRC python
* no heading
#+END_SRC
| Part | Price |
|------+-------|
| Pump | 40 |
"""

RST = """\
========
Handbook
========

Valves
======

The *valve* opens
at 6 bar. Like this::

    open --valve

- One
- Two

Details
-------

.. note:: Never when hot.
.. image:: secret.png
.. include:: /etc/passwd
.. comment
.. code-block:: python
   :linenos:

   run()

+------+-------+
| Part | Price |
+======+=======+
| Pump | 40    |
+------+-------+
"""

TABLE = "| Part | Price |\n|---|---|\n| Pump | 40 |"


async def test_org_keeps_headings_lists_tables_and_code(tmp_path: Path) -> None:
    assert blocks(await parsed(tmp_path, ".org", ORG.encode())) == [
        (BlockKind.HEADING, 1, "Handbook"),
        (BlockKind.HEADING, 1, "Valves"),
        (BlockKind.TEXT, 0, "The valve opens\nat 6 bar."),
        (BlockKind.LIST, 0, "- One\n- Two"),
        (BlockKind.HEADING, 2, "Code"),
        (BlockKind.CODE, 0, "* no heading"),
        (BlockKind.TABLE, 0, TABLE),
    ]


async def test_restructuredtext_keeps_headings_lists_tables_and_code_and_reads_no_other_file(tmp_path: Path) -> None:
    assert blocks(await parsed(tmp_path, ".rst", RST.encode())) == [
        (BlockKind.HEADING, 1, "Handbook"),
        (BlockKind.HEADING, 2, "Valves"),
        (BlockKind.TEXT, 0, "The valve opens\nat 6 bar. Like this:"),
        (BlockKind.CODE, 0, "open --valve"),
        (BlockKind.LIST, 0, "- One\n- Two"),
        (BlockKind.HEADING, 3, "Details"),
        (BlockKind.TEXT, 0, "Never when hot."),
        (BlockKind.CODE, 0, "run()"),
        (BlockKind.TABLE, 0, TABLE),
    ]


async def test_xml_keeps_records_together_and_says_what_their_values_are(tmp_path: Path) -> None:
    content = """<?xml version="1.0"?><!DOCTYPE manual><manual xml:lang="en"><title>Valves</title>
    <!-- hidden --><para>Open <b>slowly</b>, then <i>wait</i>.</para>
    <part code="E-47"><name>Pump</name><price currency="EUR">40</price></part><empty/></manual>"""
    assert blocks(await parsed(tmp_path, ".xml", content.encode())) == [
        (BlockKind.HEADING, 1, "Valves"),
        (BlockKind.TEXT, 0, "Open slowly, then wait."),
        (BlockKind.TEXT, 0, "part: code E-47\nname: Pump\nprice: 40, currency EUR"),
    ]


async def test_a_web_page_inside_an_element_is_read_as_one(tmp_path: Path) -> None:
    content = """<rss xmlns:c="http://purl.org/rss/1.0/modules/content/"><item><title>Valves</title>
    <link>https://example.org/1</link><c:encoded><![CDATA[<h2>Care</h2><p>Open <b>slowly</b>.</p><script>x()</script>
    <ul><li>Oil</li><li>Check</li></ul>]]></c:encoded><note>1 &lt; 2 &gt; 0</note></item></rss>"""
    document = await parsed(tmp_path, ".xml", content.encode())
    assert "<" not in document.text.replace("1 < 2", "")
    assert "x()" not in document.text
    found = blocks(document)
    assert (BlockKind.TEXT, 0, "Open slowly.") in found
    assert tuple(text for kind, _, text in found if text in ("Care", "1 < 2 > 0")) == ("Care", "1 < 2 > 0")
