"""May this archive be unpacked?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from docx import Document as WordDocument

from core.errors import DocumentError
from plugins.parser import archives

ZEROS = bytes(1 << 20)


def archive(folder: Path, members: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "archive"
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        archives.check(path)
    assert caught.value.message.endswith(".")
    assert caught.value.next_step.endswith(".")
    return caught.value.failure_code


def test_an_ordinary_document_passes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    WordDocument().save(buffer)
    path = tmp_path / "a.docx"
    path.write_bytes(buffer.getvalue())
    archives.check(path)


@pytest.mark.parametrize("content", [b"", b"plain text", b"%PDF-1.7"])
def test_what_is_no_archive_is_none_of_our_business(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    archives.check(path)


def test_a_small_file_may_be_packed_as_tightly_as_it_likes(tmp_path: Path) -> None:
    archives.check(archive(tmp_path, {"zeros": ZEROS * 10}))


def test_a_file_that_unpacks_to_far_more_than_it_is_is_a_bomb(tmp_path: Path) -> None:
    path = archive(tmp_path, {f"zeros{number}": ZEROS for number in range(40)})
    assert path.stat().st_size * archives.MAX_RATIO < 40 * len(ZEROS)
    assert refused(path) == "bomb"


def test_much_content_in_a_large_file_is_no_bomb(tmp_path: Path) -> None:
    archives.check(archive(tmp_path, {f"part{n}": ZEROS for n in range(25)}, compression=zipfile.ZIP_STORED))


def test_what_the_directory_claims_does_not_count(tmp_path: Path) -> None:
    path = archive(tmp_path, {"zeros": ZEROS * 60})
    data = bytearray(path.read_bytes())
    # The sizes in the directory and in the member's own head say 100 bytes.
    size = (60 * len(ZEROS)).to_bytes(4, "little")
    assert data.count(size) == 2
    path.write_bytes(bytes(data).replace(size, (100).to_bytes(4, "little")))
    assert refused(path) in {"bomb", "corrupt"}


def test_too_many_parts_are_refused_before_any_is_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path, {str(number): b"" for number in range(archives.MAX_MEMBERS + 1)})
    assert refused(path) == "bomb"


def test_a_damaged_part_is_found(tmp_path: Path) -> None:
    path = archive(tmp_path, {"text": b"some words, " * 50})
    data = bytearray(path.read_bytes())
    data[45:60] = bytes(15)
    path.write_bytes(bytes(data))
    assert refused(path) == "corrupt"


def test_an_encrypted_part_is_said_to_be_protected(tmp_path: Path) -> None:
    path = archive(tmp_path, {"text": b"words"})
    data = bytearray(path.read_bytes())
    for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(head) + flags] |= 1
    path.write_bytes(bytes(data))
    assert refused(path) == "encrypted"


def test_a_way_of_packing_nobody_knows_is_damage(tmp_path: Path) -> None:
    path = archive(tmp_path, {"text": b"words"})
    data = bytearray(path.read_bytes())
    for head, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(head) + method] = 77
    path.write_bytes(bytes(data))
    assert refused(path) == "corrupt"
