"""Is the estimate of tokens on the safe side?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.embedding.onnx.encoders import MINILM_PACKAGE, package_file
from plugins.embedding.tokens import approximate_spans, encodable, read_tokenizer

TEXTS = {
    "english": "The warranty covers refurbished equipment, including replacement compressors, for eighteen months.",
    "german": "Die Betriebsvereinbarung zur Arbeitszeiterfassung gilt auch für Teilzeitbeschäftigte in Übergrößen.",
    "french": "L'entreprise s'engage à rembourser intégralement les frais de déplacement des collaborateurs.",
    "numbers": "Invoice 2026-11-23: 1,234,567.89 EUR, VAT ID DE123456789, phone +49 30 1234567.",
    "chinese": "热泵每两千小时需要保养一次。",
    "russian": "Гарантия распространяется на восстановленное оборудование.",
    "code": "def health_check(self) -> Health: return Health(PluginStatus.HEALTHY, latency_ms=1.5)",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_estimate_is_at_most_a_tenth_below_the_word_pieces_of_a_model_that_learnt_english_alone(text: str) -> None:
    tokenizer = read_tokenizer(str(package_file(MINILM_PACKAGE, "tokenizer.json")))
    real = len(tokenizer.encode(text, add_special_tokens=False).ids)
    assert 0.9 * real <= len(approximate_spans(text)) <= 3 * real


@given(st.text())
def test_every_sign_but_space_lies_in_exactly_one_token(text: str) -> None:
    positions = [position for start, end in approximate_spans(text) for position in range(start, end)]
    assert positions == [position for position, sign in enumerate(text) if not sign.isspace()]


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_can_be_encoded_without_moving_a_sign(text: str) -> None:
    assert len(encodable(text)) == len(text)
    encodable(text).encode()
