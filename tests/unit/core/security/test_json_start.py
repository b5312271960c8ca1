"""Is JSON known by how it begins?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.security.json_start import begins_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
).filter(lambda document: isinstance(document, list | dict))


def judged(text: str) -> bool:
    """Whether Python reads it as a JSON object or list; it reads NaN and Infinity, too, which are none."""
    try:
        return isinstance(json.loads(text, parse_constant=lambda _: 1 / 0), list | dict)
    except (ValueError, ZeroDivisionError):
        return False


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_whole_documents_are_judged_as_python_does(document: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert begins_json(text.encode("utf-8", "surrogatepass"), cut=False) == judged(text)


@given(DOCUMENTS, st.data())
def test_wherever_a_document_is_cut_its_beginning_is_one(document: object, data: st.DataObject) -> None:
    content = json.dumps(document, ensure_ascii=False).encode()
    if not judged(content.decode()):
        return
    end = data.draw(st.integers(1, len(content)))
    assert begins_json(content[:end], cut=True)
    if end < len(content):
        assert not begins_json(content[:end], cut=False)


@settings(max_examples=1000)
@given(st.lists(st.sampled_from([*'[]{}:," ', '"a"', '"\\', "u00e9", "n", "-", "0", "1", ".5", "e3", "true", "null"])))
def test_rubbish_is_judged_as_python_does(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert begins_json(text.encode(), cut=False) == judged(text)


@pytest.mark.parametrize(
    "text",
    [
        "[1] First footnote", '{"a" 1', '{"a": 1]', "[1, }", '{"a": 1}\n{"a": 2}', "[01, 2", "[tru", "[1 2", "{a: 1",
        "[," , '["a": 1', '{"a": "b" : "c"', "[] and words", "]", '["\\q"', '{1: 2', "words", "[\"line\nend\"",
    ],
)  # fmt: skip
def test_what_cannot_become_json_is_none_even_when_cut(text: str) -> None:
    assert not begins_json((text + " and so on, and on").encode(), cut=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_of_json_is_known(encoding: str) -> None:
    content = '{"Öffnung": ["6 bar"]}'.encode(encoding)
    assert begins_json(content, cut=False)
    assert begins_json(content[:-5], cut=True)


def test_bytes_of_no_encoding_are_none() -> None:
    assert not begins_json('{"Öffnung": 1}'.encode("cp1252"), cut=False)


def test_deep_nesting_costs_no_stack() -> None:
    assert begins_json(b"[" * 100_000, cut=True)
    assert begins_json(b"[" * 100_000 + b"]" * 100_000, cut=False)
