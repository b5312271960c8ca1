"""Is a mail inside an Outlook file a file of its own?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.security.content_type import detect
from core.types import EmbeddedFile, EmbeddedFileKind, ParsedDocument
from plugins.parser.parts import DAMAGED, TOO_MANY, EmbeddedFileLimits, write_out
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from tests.fixtures.compound import Attached, mail_streams, outlook_mail

SENT = datetime(2025, 10, 6, 7, 15, tzinfo=UTC)
EXCHANGE = "/O=EXCHANGE/OU=FIRST/CN=RECIPIENTS/CN=JO"


def offer(*attached: Attached, subject: str = "Angebot für Pumpen") -> Attached:
    inner = mail_streams(
        subject,
        "A pump costs 4711 euro.\r\n\r\nValid until März.",
        sender=("Jörg, Sales", "joerg@example.com"),
        to={"Team": "team@example.com", "Jo": EXCHANGE},
        copies={"Ann": "ann@example.com"},
        sent=SENT,
        attached=attached,
    )
    return Attached(name=subject, content=inner)


async def parsed(folder: Path, content: bytes, suffix: str) -> ParsedDocument:
    path = folder / f"document{suffix}"
    path.write_bytes(content)
    return await UnstructuredParser(UnstructuredOptions()).parse(path)


async def parts_of(folder: Path, *attached: Attached) -> tuple[EmbeddedFile, ...]:
    document = await parsed(folder, outlook_mail("Offers", "See below.", attached=attached), ".msg")
    assert "4711" not in document.text
    return document.parts


def content(part: EmbeddedFile) -> bytes:
    assert part.content is not None
    return b"".join(part.content())


async def test_an_attached_mail_is_a_file_with_its_head_text_and_attachments(tmp_path: Path) -> None:
    table = b"Part,Price\nPump,4711\n" * 500
    (part,) = await parts_of(tmp_path, offer(Attached(name="Preise März.csv", content=table)))
    assert (part.name, part.kind, part.problem) == ("Angebot für Pumpen.eml", EmbeddedFileKind.ATTACHED, "")
    (tmp_path / "part").write_bytes(content(part))
    assert detect(tmp_path / "part", part.name) == "message/rfc822"
    document = await parsed(tmp_path, content(part), ".eml")
    assert document.text.split("\n\n") == [
        "Angebot für Pumpen",
        'From: "Jörg, Sales" <joerg@example.com>\nTo: Team <team@example.com>, Jo <>\nCc: Ann <ann@example.com>\n'
        "Date: Mon, 06 Oct 2025 07:15:00 +0000",
        "A pump costs 4711 euro.",
        "Valid until März.",
    ]
    (inner,) = document.parts
    assert (inner.name, content(inner)) == ("Preise März.csv", table)


async def test_mails_in_mails_lie_in_each_other_and_give_the_same_bytes_again(tmp_path: Path) -> None:
    deepest = offer(Attached(name="a.txt", content=b"--=_mail_0000\nfirst"), subject="third")
    attached = offer(deepest, Attached(name="b.txt", content=b"second"), deepest, subject="second")
    (part,) = await parts_of(tmp_path, attached)
    assert content(part) == content(part)
    second = (await parsed(tmp_path, content(part), ".eml")).parts
    assert [found.name for found in second] == ["third.eml", "b.txt", "third.eml"]
    third = (await parsed(tmp_path, content(second[2]), ".eml")).parts
    assert [(found.name, content(found)) for found in third] == [("a.txt", b"--=_mail_0000\nfirst")]


async def test_a_mail_of_a_web_page_alone_and_one_of_nothing_are_files(tmp_path: Path) -> None:
    page = Attached(name="page", content=mail_streams("", "", html="<p>Call <b>4711</b>.</p><script>no()</script>"))
    parts = await parts_of(tmp_path, page, Attached(name="", content=mail_streams("", "")))
    assert [part.name for part in parts] == ["page.eml", "mail.eml"]
    text = (await parsed(tmp_path, content(parts[0]), ".eml")).text
    assert "Call 4711." in text
    assert "no()" not in text
    assert content(parts[1])


async def test_heads_that_no_mail_can_have_do_not_spoil_the_file(tmp_path: Path) -> None:
    streams = mail_streams(
        "Line one\r\nBcc: x@example.com", "Text 4711", sender=("A\nB", EXCHANGE), to={'"<,;@': "ä b@@c"}
    )
    (part,) = await parts_of(tmp_path, Attached(name="", content=streams))
    document = await parsed(tmp_path, content(part), ".eml")
    assert document.text.startswith("Line one Bcc: x@example.com\n\nFrom: A B <>\n")
    assert "4711" in document.text


async def test_a_damaged_mail_in_a_mail_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    half_a_character = Attached(name="bad", content=mail_streams("bad", "\ud800"))
    parts = await parts_of(tmp_path, half_a_character, offer(subject="good"))
    told = write_out(parts, tmp_path, EmbeddedFileLimits(frozenset({EmbeddedFileKind.ATTACHED})))
    assert [(name, file, problem) for name, _, file, problem in told] == [
        ("bad.eml", "", DAMAGED),
        ("good.eml", "0", ""),
    ]


async def test_an_object_of_another_program_is_only_named(tmp_path: Path) -> None:
    (part,) = await parts_of(tmp_path, Attached(name="Drawing", content={"CONTENTS": b"x"}))
    assert (part.name, part.content) == ("Drawing", None)
    assert "object of another program" in part.problem


async def test_attached_mails_count_against_the_limits_of_parts(tmp_path: Path) -> None:
    large = offer(Attached(name="a.bin", content=bytes(3000)), subject="large")
    parts = await parts_of(tmp_path, large, offer(subject="one"), offer(subject="two"))
    limits = EmbeddedFileLimits(frozenset({EmbeddedFileKind.ATTACHED}), most=1, file_bytes=3000)
    told = write_out(parts, tmp_path, limits)
    assert [(name, file, problem) for name, _, file, problem in told] == [
        ("large.eml", "", "It is too large"),
        ("one.eml", "0", ""),
        ("two.eml", "", TOO_MANY),
    ]
