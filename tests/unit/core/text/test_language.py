"""In which language is a text written?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import language
from core.text.language import UNDETERMINED


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How many vacation days do I have per year?", "en"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("Combien de jours de congé ai-je par an ?", "fr"),
        ("¿Cuántos días de vacaciones tengo al año?", "es"),
        ("Ile dni urlopu przysługuje pracownikowi rocznie?", "pl"),
        ("年休は何日ありますか", "ja"),
        ("我有多少天假期", "zh"),
        ("휴가는 며칠입니까", "ko"),
        ("มีวันลากี่วัน", "th"),
        ("כמה ימי חופשה", "he"),
        ("कितने दिन की छुट्टी", "hi"),
        ("Πόσες ημέρες άδειας", "el"),
        ("كم عدد أيام الإجازة السنوية للموظفين", "ar"),
        ("Сколько дней отпуска у сотрудников в году?", "ru"),
        ("Скільки днів відпустки є у працівників на рік?", "uk"),
    ],
)
def test_a_question_is_recognised_in_its_language(text: str, code: str) -> None:
    assert language.detect(text) == code


@pytest.mark.parametrize("text", ["", "   \n", "123 !? 4,50 €", "who is it"])
def test_too_little_to_go_by_is_said_openly(text: str) -> None:
    assert language.detect(text) == UNDETERMINED


@pytest.mark.parametrize(("text", "code"), [("Да", "ru"), ("كم", "ar"), ("热泵", "zh"), ("ホテル", "ja")])
def test_a_word_in_a_script_of_its_own_is_enough(text: str, code: str) -> None:
    assert language.detect(text) == code


def test_japanese_is_told_from_chinese_by_a_little_kana() -> None:
    assert language.detect("契約期間満了後一年間保存") == "zh"
    assert language.detect("契約期間満了後は一年間保存する") == "ja"


def test_a_foreign_name_does_not_change_the_language() -> None:
    assert language.detect("The supplier 北京 delivers the replacement pumps every Tuesday morning.") == "en"


@given(st.text(max_size=300))
def test_any_text_gets_one_known_code(text: str) -> None:
    known = {UNDETERMINED, "ja", "ko", "th", "zh", *language.LATIN, *language.OTHER}
    assert language.detect(text) in known
