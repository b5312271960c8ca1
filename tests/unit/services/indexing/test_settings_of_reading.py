"""Do passwords, chunks and readers follow the settings?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.models import Settings
from core.errors import DocumentError, ValidationError
from plugins.interfaces import EmbeddingProvider
from services import bootstrap
from services.indexing.chunking import chunk_document
from services.indexing.pipeline import rules_for
from services.worker import container
from tests.fixtures.parsers import REFERENCE
from tests.unit.services.indexing.test_chunking import document, tokens

TABLE = "| part | price |\n| --- | --- |\n" + "".join(f"| pump {n} | {n} EUR |\n" for n in range(40))
PROSE = " ".join(f"The pump number {n} stands in hall {n % 7}." for n in range(60))
SECTIONS = "".join(f"# Hall {n}\n\nA pump.\n\n" for n in range(12))
SIZES = {"chunk_size": 40, "chunk_overlap": 0, "min_chunk_size": 1, "max_chunk_size": 40}


@pytest.mark.sees(
    "auth.password_min_length",
    "auth.require_uppercase",
    "auth.require_numbers",
    "auth.require_special_chars",
)
@pytest.mark.parametrize(
    ("change", "password"),
    [
        ({"password_min_length": 8}, "Sh0rt-pw"),
        ({"require_uppercase": False}, "no upper c4se at all!"),
        ({"require_numbers": False}, "No number at all!"),
        ({"require_special_chars": False}, "NoSpecialAt4ll"),
    ],
)
def test_a_password_is_judged_as_the_settings_say(change: dict[str, object], password: str) -> None:
    with pytest.raises(ValidationError):
        bootstrap._password_rules(Settings()).check(password)
    bootstrap._password_rules(Settings.model_validate({"auth": change})).check(password)


class _Window:
    """As much of a model as the rules ask for."""

    max_tokens = 4000


def _chunks(text: str, **sizes: int) -> list[str]:
    settings = Settings.model_validate({"ingestion": {**SIZES, **sizes}})
    model: EmbeddingProvider = _Window()  # type: ignore[assignment]  # only its window is asked for
    rules = rules_for(settings, model)
    drafts = chunk_document(
        document(text),
        token_spans=tokens,
        max_tokens=rules.chunk_size,
        overlap=rules.overlap,
        min_tokens=rules.min_tokens,
        whole_tokens=rules.whole_tokens,
        title="",
        language_of=lambda _: "en",
    )
    return [draft.content for draft in drafts]


@pytest.mark.sees(
    "ingestion.chunk_size", "ingestion.chunk_overlap", "ingestion.min_chunk_size", "ingestion.max_chunk_size"
)
def test_documents_are_cut_as_the_settings_say() -> None:
    assert len(_chunks(PROSE, chunk_size=80, max_chunk_size=80)) < len(_chunks(PROSE))
    repeated = _chunks(PROSE, chunk_overlap=20)
    assert sum(map(len, repeated)) > sum(map(len, _chunks(PROSE)))
    assert len(_chunks(SECTIONS, min_chunk_size=20)) < len(_chunks(SECTIONS))
    assert len(_chunks(TABLE)) > 1
    assert _chunks(TABLE, max_chunk_size=2000) == [TABLE.strip()]
    assert _chunks(PROSE, max_chunk_size=2000) == _chunks(PROSE)


def test_rules_name_what_stays_whole_only_where_it_is_more_than_a_chunk() -> None:
    model: EmbeddingProvider = _Window()  # type: ignore[assignment]  # only its window is asked for
    assert str(rules_for(Settings(), model)) == "512/50/100/2000"
    model.max_tokens = 512  # type: ignore[misc]  # a class of this test
    assert str(rules_for(Settings(), model)) == "472/50/100"


@pytest.mark.sees("ingestion.parse_memory_mb", "ingestion.parse_cpu_s", "ingestion.parse_wall_s")
@pytest.mark.parametrize(
    ("limit", "order", "code"),
    [
        ({"parse_wall_s": 1}, "hang", "parse_timeout"),
        ({"parse_cpu_s": 1}, "spin", "too_complex"),
        ({"parse_memory_mb": 700}, "eat 1 GB", "too_complex"),
    ],
)
async def test_a_reader_that_takes_more_than_allowed_is_ended(
    tmp_path: Path, limit: dict[str, int], order: str, code: str
) -> None:
    path = tmp_path / "order.txt"
    path.write_text(order)
    pool = container._parser_pool(Settings.model_validate({"ingestion": {"parse_processes": 1, **limit}}))
    try:
        with pytest.raises(DocumentError) as ended:
            await pool.parse(REFERENCE, {}, path, suffix=".txt")
    finally:
        await pool.close()
    assert ended.value.failure_code == code


async def test_what_one_limit_ends_another_allows(tmp_path: Path) -> None:
    path = tmp_path / "order.txt"
    path.write_text("eat 1 GB")
    pool = container._parser_pool(Settings())
    try:
        assert (await pool.parse(REFERENCE, {}, path, suffix=".txt")).pages[0].text == str(1 << 30)
    finally:
        await pool.close()


@pytest.mark.sees("ingestion.parse_processes")
@pytest.mark.parametrize("parse_processes", [1, 3])
async def test_so_many_files_are_read_side_by_side(tmp_path: Path, parse_processes: int) -> None:
    path = tmp_path / "order.txt"
    path.write_text("pid")
    pool = container._parser_pool(Settings.model_validate({"ingestion": {"parse_processes": parse_processes}}))
    try:
        read = await asyncio.gather(*(pool.parse(REFERENCE, {}, path, suffix=".txt") for _ in range(6)))
    finally:
        await pool.close()
    assert len({document.pages[0].text for document in read}) == parse_processes
