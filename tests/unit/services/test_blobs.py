"""Does a file lie whole on the disk, or not at all?"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ConfigurationError, DocumentError, NotFoundError, ProviderUnavailableError
from services.blobs import BlobStore, StoredBlob

ALPHA = UUID(int=1)
LIMIT = 1_000_000


async def stream(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def written(root: Path, *pieces: bytes | Exception, limit_bytes: int = LIMIT) -> StoredBlob:
    return await BlobStore(root).write(ALPHA, stream(*pieces), limit_bytes=limit_bytes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=5).filter(any))
async def test_a_stream_comes_back_byte_for_byte_under_its_digest(tmp_path: Path, pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    blob = await written(tmp_path, *pieces)
    assert BlobStore(tmp_path).resolve(blob.path).read_bytes() == content
    assert (blob.sha256, blob.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert blob.path == f"{ALPHA}/{blob.sha256[:2]}/{blob.sha256}"


async def test_the_same_content_is_kept_once_in_an_organisation_and_again_in_another(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    one = await written(tmp_path, b"text")
    assert await written(tmp_path, b"te", b"xt") == one
    assert len(files(tmp_path)) == 1
    other = await store.write(uuid4(), stream(b"text"), limit_bytes=LIMIT)
    assert other.path != one.path
    await store.delete(other.path)
    assert store.resolve(one.path).exists()


@pytest.mark.parametrize(
    ("pieces", "code"), [((), "empty"), ((b"", b""), "empty"), ((b"x" * 60, b"x" * 60), "too_large")]
)
async def test_of_a_refused_file_nothing_is_kept(tmp_path: Path, pieces: tuple[bytes, ...], code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        await written(tmp_path, *pieces, limit_bytes=100)
    assert caught.value.failure_code == code
    assert files(tmp_path) == []


async def test_a_file_as_long_as_the_limit_is_kept(tmp_path: Path) -> None:
    assert (await written(tmp_path, b"x" * 100, limit_bytes=100)).size_bytes == 100


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        await written(tmp_path, b"first half", ZeroDivisionError())
    assert files(tmp_path) == []


async def test_a_disk_that_cannot_take_it_is_told_in_our_words(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    root.write_text("a file where the folder should be")
    with pytest.raises(ConfigurationError, match="could not be stored") as caught:
        await written(root, b"text")
    assert caught.value.next_step


async def test_a_full_disk_in_the_midst_of_a_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No space left"):
        await written(tmp_path, b"half", OSError(28, "No space left on device"))
    assert files(tmp_path) == []


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", f"{ALPHA}/aa/unknown", "", f"{ALPHA}"])
async def test_a_path_that_is_no_stored_file_is_not_found(tmp_path: Path, path: str) -> None:
    root = tmp_path / "blobs"
    (tmp_path / "outside").write_text("secret")
    await written(root, b"text")
    with pytest.raises(NotFoundError):
        BlobStore(root).resolve(path)


async def test_deleting_is_done_once_and_never_outside_the_store(tmp_path: Path) -> None:
    root, outside = tmp_path / "blobs", tmp_path / "outside"
    outside.write_text("kept")
    store = BlobStore(root)
    blob = await written(root, b"text")
    await store.delete(blob.path)
    await store.delete(blob.path)
    await store.delete("../outside")
    assert files(root) == []
    assert outside.exists()


async def test_only_the_owner_may_look_into_the_folders(tmp_path: Path) -> None:
    blob = await written(tmp_path, b"text")
    path = BlobStore(tmp_path).resolve(blob.path)
    assert [folder.stat().st_mode & 0o077 for folder in (path.parent, path.parent.parent)] == [0, 0]
    assert path.stat().st_mode & 0o077 == 0


async def test_an_almost_full_disk_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    more_than_there_is = shutil.disk_usage(tmp_path).total + 1
    store = BlobStore(tmp_path, min_free_bytes=more_than_there_is)
    with pytest.raises(ProviderUnavailableError, match="almost full") as refused:
        await store.write(ALPHA, stream(b"text"), limit_bytes=LIMIT)
    assert "storage.min_free_mb" in str(refused.value)
    assert files(tmp_path) == []


async def test_what_a_killed_upload_left_behind_is_removed_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    blob = await written(tmp_path, b"text")
    old, fresh = (tmp_path / str(ALPHA) / f".incoming-{name}" for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(b"half a fi")
    os.utime(old, (0, 0))
    os.utime(BlobStore(tmp_path).resolve(blob.path), (0, 0))
    assert await BlobStore(tmp_path).remove_unfinished() == 1
    assert set(files(tmp_path)) == {BlobStore(tmp_path).resolve(blob.path), fresh}
