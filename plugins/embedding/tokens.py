"""Where do the tokens of a text stand, when the model's own tokenizer may be far away?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Latin letters by three, digits by two, any other sign alone.
_PIECE = re.compile(r"[A-Za-z\u00c0-\u024f]{1,3}|\d{1,2}|\S")


def approximate_spans(text: str) -> list[tuple[int, int]]:
    """Character span of each token, counted without a tokenizer.

    Three Latin letters, two digits or one other sign make a token. Tokenizers in use merge more than that in most
    texts, so that the count is too high (twice, for English) rather than too low: what fits by it fits the model.
    Where a model that learnt English alone reads long German compounds it is up to a tenth too low.
    """
    return [match.span() for match in _PIECE.finditer(text)]


def read_tokenizer(path: str) -> Tokenizer:
    """The tokenizer in a ``tokenizer.json``, which neither cuts nor pads.

    Raises:
        ConfigurationError: The file is absent or holds something else.
    """
    from tokenizers import Tokenizer

    try:
        return whole(Tokenizer.from_str(Path(path).read_text(encoding="utf-8")))
    except Exception as error:  # the library raises bare Exception for what it cannot parse
        raise ConfigurationError(
            f"tokenizer_file: {path} is no tokenizer ({type(error).__name__}).",
            next_step="Give the tokenizer.json of the model.",
        ) from error


def whole(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, told neither to cut nor to pad."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def spelled_out(text: str, spans: Sequence[tuple[int, int]], known: Sequence[bool]) -> list[tuple[int, int]]:
    """The spans, with one for each sign of a word that the vocabulary does not know.

    Such a word is one token to the model, which reads nothing in it. Counted as one, a text in letters that the model
    never saw would look short and well known.
    """
    spelled: list[tuple[int, int]] = []
    for (start, end), knows in zip(spans, known, strict=True):
        if knows:
            spelled.append((start, end))
        else:
            spelled += ((place, place + 1) for place in range(start, end) if not text[place].isspace())
    return spelled


def encoded_spans(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """Character span of each token, unknown words sign by sign."""
    encoding = tokenizer.encode(encodable(text), add_special_tokens=False)
    unknown = getattr(tokenizer.model, "unk_token", None)
    return spelled_out(text, encoding.offsets, [token != unknown for token in encoding.tokens])


def encodable(text: str) -> str:
    """The text with a question mark for each half of a broken character; no position moves."""
    return text.encode("utf-8", "replace").decode()
