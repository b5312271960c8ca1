"""What kind of thing would answer a question?"""

from __future__ import annotations

import pytest

from core.text.questions import AnswerType, answer_type, may_answer, without


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the contract signed?", AnswerType.DATE),
        ("Bis wann gilt der Vertrag?", AnswerType.DATE),
        ("什么时候开始?", AnswerType.DATE),
        ("How many parking lots are there?", AnswerType.NUMBER),
        ("By how much do prices rise?", AnswerType.NUMBER),
        ("Which discount rate do dealers pay?", AnswerType.NUMBER),
        ("What did we pay for the crane?", AnswerType.MONEY),
        ("How many vacation days are there?", AnswerType.DURATION),
        ("How long does the training last?", AnswerType.DURATION),
        ("Wie lange dauert die Prüfung?", AnswerType.DURATION),
        ("How long must a password be?", AnswerType.NUMBER),
        ("Wie lang muss ein Passwort sein?", AnswerType.NUMBER),
        ("What is the notice period?", AnswerType.DURATION),
        ("Wie hoch ist das Kilometergeld?", AnswerType.NUMBER),
        ("Combien de jours ?", AnswerType.DURATION),
        ("Combien de machines ?", AnswerType.NUMBER),
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
        ("三天", AnswerType.DURATION),
        ("It takes two working days.", AnswerType.DURATION),
        ("Duration (hours): 4", AnswerType.DURATION),
        ("Valid until revoked.", AnswerType.DURATION),
        ("The hose has 30 m.", AnswerType.DURATION),
        ("A filter costs EUR 9.", AnswerType.MONEY),
        ("Delivery is free.", AnswerType.MONEY),
        ("at most 8 µm", AnswerType.DISTANCE),
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
        ("Signed with Bright Sky Ltd.", AnswerType.PERSON),
        ("It rises by 4 %.", AnswerType.MONEY),
        ("There are 7 rooms.", AnswerType.DURATION),
        ("There are 7 rooms.", AnswerType.DISTANCE),
        ("the pump stops here.", AnswerType.PLACE),
    ],
)
def test_a_text_without_such_a_thing_cannot_answer(text: str, kind: AnswerType) -> None:
    assert not may_answer(text, kind)


def test_what_the_question_brings_itself_answers_nothing() -> None:
    question = "Who is the Director of Solvane in 2025?"
    assert not may_answer(without("The director of Solvane spoke in 2025.", question), AnswerType.PERSON)
    assert may_answer(without("The director of Solvane is Ada Byron.", question), AnswerType.PERSON)
