"""How are files of Word and PowerPoint before 2007 read?"""

from __future__ import annotations

import shutil
from pathlib import Path

import olefile
import pytest

from core.errors import DocumentError
from core.security.content_type import SUFFIXES, detect
from plugins.parser.readers import legacy
from plugins.parser.readers.tests.reading import failure
from plugins.parser.sandbox.pool import ParseLimits, ParserPool
from plugins.parser.unstructured.provider import UnstructuredOptions, UnstructuredParser
from tests.fixtures.office import as_old_office, said_in

REFERENCE = "plugins.parser.unstructured:UnstructuredParser"

needs_libreoffice = pytest.mark.skipif(shutil.which("soffice") is None, reason=f"no soffice: {legacy.INSTALL}")


@needs_libreoffice
@pytest.mark.parametrize("suffix", [".doc", ".ppt"])
async def test_an_old_office_file_is_read_through_libreoffice_in_the_limited_child(tmp_path: Path, suffix: str) -> None:
    content = as_old_office(said_in(f"{suffix}x", "Das Ventil öffnet bei 6 bar."), suffix, tmp_path)
    path = tmp_path / "stored"
    path.write_bytes(content)
    assert SUFFIXES[detect(path, "unnamed")] == suffix
    pool = ParserPool(1, ParseLimits())
    try:
        document = await pool.parse(REFERENCE, {}, path, suffix=suffix)
        with pytest.raises(DocumentError) as caught:
            await pool.parse(REFERENCE, {"convert_timeout_s": 0.01}, path, suffix=suffix)
    finally:
        await pool.close()
    assert "Das Ventil öffnet bei 6 bar." in document.text
    assert document.paged == (suffix == ".ppt")
    assert caught.value.failure_code == "parse_timeout"


@needs_libreoffice
@pytest.mark.parametrize("suffix", [".doc", ".ppt"])
async def test_an_old_office_file_with_a_password_says_so_and_is_not_called_damaged(
    tmp_path: Path, suffix: str
) -> None:
    content = bytearray(as_old_office(said_in(f"{suffix}x", "Geheim."), suffix, tmp_path))
    if suffix == ".doc":
        with olefile.OleFileIO(bytes(content)) as file:
            head = file.openstream("WordDocument").read(64)
        content[content.index(head) + 11] |= 0x01
    else:
        plain, encrypted = bytes.fromhex("5fc091e3"), bytes.fromhex("dfc4d1f3")
        content = content.replace(plain, encrypted)
    error = await failure(tmp_path, suffix, bytes(content))
    assert (error.failure_code, "password" in error.message) == ("encrypted", True)


@pytest.mark.parametrize("suffix", [".doc", ".ppt"])
async def test_without_libreoffice_an_old_office_file_says_how_to_get_it(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = await failure(tmp_path, suffix, b"anything")
    assert error.failure_code == "program_missing"
    assert f"{suffix[1:]}x" in error.next_step
    assert legacy.INSTALL in error.next_step
    health = await UnstructuredParser(UnstructuredOptions()).health_check()
    assert legacy.INSTALL in health.detail
