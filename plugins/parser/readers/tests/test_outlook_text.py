"""What does a mail of Outlook say?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.types import BlockKind
from plugins.parser.readers.tests.reading import blocks, parsed
from tests.fixtures.compound import outlook_mail

SENT = datetime(2025, 10, 6, 7, 15, tzinfo=UTC)


async def test_a_mail_of_outlook_keeps_who_wrote_to_whom_and_when(tmp_path: Path) -> None:
    content = outlook_mail(
        "Störung Kessel 3",
        "The boiler stopped.\r\n\r\nIt runs again.",
        sender=("Maria Weber", "maria@alpha.example"),
        to={"Team": "team@alpha.example"},
        sent=SENT,
    )
    assert blocks(await parsed(tmp_path, ".msg", content)) == [
        (BlockKind.HEADING, 1, "Störung Kessel 3"),
        (
            BlockKind.TEXT,
            0,
            'From: "Maria Weber" <maria@alpha.example>\nTo: Team <team@alpha.example>\nDate: 2025-10-06 07:15 UTC',
        ),
        (BlockKind.TEXT, 0, "The boiler stopped."),
        (BlockKind.TEXT, 0, "It runs again."),
    ]


async def test_a_mail_of_outlook_that_is_only_a_web_page_is_read_as_one(tmp_path: Path) -> None:
    content = outlook_mail("", "", html="<p>Call <b>4711</b> for help.</p><script>no()</script>", sent=SENT)
    document = await parsed(tmp_path, ".msg", content)
    assert "Call 4711 for help." in document.text
    assert "no()" not in document.text
