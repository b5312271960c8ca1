"""What kind of thing would answer a question?"""

from __future__ import annotations

import pytest

from core.text.questions import AnswerType, answer_type, may_answer


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the contract signed?", AnswerType.DATE),
        ("Bis wann gilt der Vertrag?", AnswerType.DATE),
        ("什么时候开始?", AnswerType.DATE),
        ("How many vacation days are there?", AnswerType.NUMBER),
        ("Wie hoch ist das Kilometergeld?", AnswerType.NUMBER),
        ("Combien de jours ?", AnswerType.NUMBER),
        ("Сколько дней?", AnswerType.NUMBER),
        ("What is the maximum pressure?", AnswerType.NUMBER),
        ("Who approves travel?", AnswerType.PERSON),
        ("Wer genehmigt Reisen?", AnswerType.PERSON),
        ("谁批准?", AnswerType.PERSON),
        ("Where is the server room?", AnswerType.PLACE),
        ("Wo steht die Anlage?", AnswerType.PLACE),
        ("Why does the pump stop?", AnswerType.OTHER),
        ("Describe the boiler.", AnswerType.OTHER),
        ("", AnswerType.OTHER),
    ],
)
def test_the_wording_says_what_is_asked_for(question: str, kind: AnswerType) -> None:
    assert answer_type(question) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("There are 30 days.", AnswerType.NUMBER),
        ("It is checked twice.", AnswerType.NUMBER),
        ("三十天", AnswerType.NUMBER),
        ("Signed on 2024-05-01.", AnswerType.DATE),
        ("Every Monday.", AnswerType.DATE),
        ("jeden Mittwoch", AnswerType.DATE),
        ("Approved by Maria van Dyke.", AnswerType.PERSON),
        ("The head of purchasing approves.", AnswerType.PERSON),
        ("王先生批准", AnswerType.PERSON),
        ("It stands in Hamburg.", AnswerType.PLACE),
        ("in room 4", AnswerType.PLACE),
        ("whatever", AnswerType.OTHER),
    ],
)
def test_a_text_with_such_a_thing_may_answer(text: str, kind: AnswerType) -> None:
    assert may_answer(text, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The pump stops.", AnswerType.NUMBER),
        ("The pump stops.", AnswerType.DATE),
        ("it is approved.", AnswerType.PERSON),
        ("the pump stops here.", AnswerType.PLACE),
    ],
)
def test_a_text_without_such_a_thing_cannot_answer(text: str, kind: AnswerType) -> None:
    assert not may_answer(text, kind)
