"""What gets out of a limited process as a file inside a file, and what does not?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import DocumentError
from core.types import EmbeddedFile, EmbeddedFileKind
from plugins.parser.parts import DAMAGED, FOLDER, SIGN_BYTES, TOO_MANY, EmbeddedFileLimits, read_back, write_out
from tests.fixtures.pictures import drawn, picture

ALL = EmbeddedFileLimits(frozenset(EmbeddedFileKind))
NOTE = b"The relief valve opens at six bar."


def part(
    content: bytes = NOTE, name: str = "note.txt", kind: EmbeddedFileKind = EmbeddedFileKind.ATTACHED
) -> EmbeddedFile:
    return EmbeddedFile(name, kind, lambda: iter((content,)))


def broken() -> EmbeddedFile:
    def fail() -> Iterator[bytes]:
        yield NOTE
        raise ValueError("cut off")

    return EmbeddedFile("cut.txt", EmbeddedFileKind.ATTACHED, fail)


def problems(folder: Path, *parts: EmbeddedFile, limits: EmbeddedFileLimits = ALL) -> list[str]:
    return [problem for _, _, _, problem in write_out(parts, folder, limits)]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    told = write_out([part(), part(b"x,y\n1,2\n", "t.csv", EmbeddedFileKind.PACKED)], tmp_path, ALL)
    back = read_back(told, tmp_path, ALL)
    assert [(one.name, one.kind, b"".join(one.content())) for one in back if one.content] == [
        ("note.txt", EmbeddedFileKind.ATTACHED, NOTE),
        ("t.csv", EmbeddedFileKind.PACKED, b"x,y\n1,2\n"),
    ]


def test_only_kinds_that_are_wanted_are_written(tmp_path: Path) -> None:
    limits = EmbeddedFileLimits(frozenset({EmbeddedFileKind.PACKED}))
    told = write_out([part(), part(kind=EmbeddedFileKind.PACKED)], tmp_path, limits)
    assert [file for _, _, file, _ in told] == ["", "0"]
    assert len(list((tmp_path / FOLDER).iterdir())) == 1


def test_each_bound_is_kept_and_named(tmp_path: Path) -> None:
    limits = EmbeddedFileLimits(frozenset(EmbeddedFileKind), most=2, file_bytes=40, total_bytes=60, types=("text/*",))
    parts = [part(), part(NOTE * 2), part(b"%PDF-1.4", "a.pdf"), part(NOTE), part(b"short"), part(b"third")]
    assert problems(tmp_path, *parts, limits=limits) == [
        "",
        "It is too large",
        "Files of the type application/pdf are not taken in here",
        "It is too large",
        "",
        TOO_MANY,
    ]
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["0", "1"]


def test_what_cannot_be_read_leaves_the_others_and_no_file(tmp_path: Path) -> None:
    assert problems(tmp_path, broken(), part(b""), part()) == [DAMAGED, "The file is empty", ""]
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["0"]


def test_a_small_picture_of_a_mail_is_no_part_but_one_of_an_archive_is(tmp_path: Path) -> None:
    sign = picture(drawn(["Logo"]).resize((120, 160)))
    assert len(sign) < SIGN_BYTES
    told = write_out([part(sign, "a.png"), part(sign, "b.png", EmbeddedFileKind.PACKED), part()], tmp_path, ALL)
    assert [(name, file) for name, _, file, _ in told] == [("b.png", "0"), ("note.txt", "1")]


def _link(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def _second_name(place: Path, outside: Path) -> None:
    place.hardlink_to(outside)


def _pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def _folder(place: Path, outside: Path) -> None:
    place.mkdir()


def _nothing(place: Path, outside: Path) -> None:
    assert not place.exists()


def _grown(place: Path, outside: Path) -> None:
    place.write_bytes(bytes(ALL.file_bytes + 1))


@pytest.mark.parametrize("instead", [_link, _second_name, _pipe, _folder, _nothing, _grown])
def test_what_is_no_plain_file_of_its_own_is_not_opened(tmp_path: Path, instead: Callable[[Path, Path], None]) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(b"of somebody else")
    beside = tmp_path / "file"
    beside.mkdir()
    told = write_out([part()], beside, ALL)
    place = beside / FOLDER / "0"
    place.unlink()
    instead(place, outside)
    (back,) = read_back(told, beside, ALL)
    assert back.content is not None
    with pytest.raises(DocumentError):
        list(back.content())


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    outside = tmp_path / "other"
    outside.mkdir()
    (outside / "0").write_bytes(b"of somebody else")
    (tmp_path / FOLDER).symlink_to(outside)
    (back,) = read_back([["note.txt", "attached", "0", ""]], tmp_path, ALL)
    assert back.content is not None
    with pytest.raises(DocumentError):
        list(back.content())


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "0/1", "²", "-1"])
def test_a_name_that_the_process_made_up_is_no_file(tmp_path: Path, file: str) -> None:
    (back,) = read_back([["note.txt", "attached", file, ""]], tmp_path, ALL)
    assert back.content is None
