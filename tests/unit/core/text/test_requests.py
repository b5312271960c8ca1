"""Which sentences are a greeting, a summary, a comparison, a list or a count, and which are questions?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.requests import RequestKind, kind_of

TOLD = {
    RequestKind.GREETING: ("hello", "Hello!", "hi there", "Good morning", "hey, how are you?", "HELLO", "hello 👋"),
    RequestKind.THANKS: ("thanks!", "Thank you very much.", "ok, thanks", "great", "Many thanks for your help!"),
    RequestKind.FAREWELL: ("bye", "See you tomorrow", "Goodbye!"),
    RequestKind.ABILITIES: (
        "what can you do?",
        "What can I ask here?",
        "help",
        "Hello, what can you do?",
        "which documents do you have?",
        "How many documents can you search?",
        "Who are you?",
    ),
}
TOLD_IN_GERMAN = {
    RequestKind.GREETING: ("Hallo", "Guten Morgen zusammen!", "Moin moin", "Hallo, wie geht's?"),
    RequestKind.THANKS: ("Danke", "Vielen Dank!", "Danke schön", "alles klar, danke", "Dankeschön für die Hilfe"),
    RequestKind.FAREWELL: ("Tschüss", "Auf Wiedersehen!"),
    RequestKind.ABILITIES: ("Was kannst du?", "Hilfe!", "Welche Dokumente gibt es?", "Hallo, was kann ich fragen?"),
}


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, all_said in TOLD.items() for said in all_said])
def test_what_is_no_question_is_told(kind: RequestKind, said: str) -> None:
    assert (kind_of(said).kind, kind_of(said).german) == (kind, False)


@pytest.mark.parametrize(
    ("kind", "said"), [(kind, said) for kind, all_said in TOLD_IN_GERMAN.items() for said in all_said]
)
def test_in_german_too(kind: RequestKind, said: str) -> None:
    assert (kind_of(said).kind, kind_of(said).german) == (kind, True)


@pytest.mark.parametrize(
    "question",
    [
        "Hello, how often must the pump be serviced?",
        "Thanks. And how much does it cost?",
        "Help me reset my password",
        "ok?",
        "thanks?",
        "good morning meeting, when is it?",
        "What can you tell me about the boiler?",
        "What are you allowed to expense?",
        "What is the list price of the pump?",
        "List price of the pump?",
        "What is the incident about the pump?  Who was on call?",
        "pump",
        "?",
        "",
        "   ",
        "Why was the summary late?",
        "Who compares the offers?",
        "Does the policy differ between Bielefeld and Pilsen?",
        "summarise",
        "compare",
        "how many",
        "list",
        "Wie lange dauert die Wartung?",
        "Hallo, wie oft muss die Pumpe gewartet werden?",
        "'; DROP TABLE documents; --",
        "\u202ehello\u202c world",
        "List all parts. Then tell me which of them is the cheapest.",
        "hello " * 2000,
        "list all " + "x" * 10_000,
        "compare " + "a and " * 2000,
    ],
)
def test_everything_else_is_a_question(question: str) -> None:
    assert kind_of(question).kind is RequestKind.QUESTION


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("summarise the travel policy", "travel policy"),
        ("Can you please summarize employee-handbook.md?", "employee-handbook.md"),
        ("Hi, please sum up our handbook for me", "handbook"),
        ("Give me a short summary of “Product Council”", "Product Council"),
        ("summarise the handbook in three sentences", "handbook"),
        ("tl;dr the release notes", "release notes"),
        ("What is the incident mail about?", "incident mail"),
        ("Fasse die Reisekostenrichtlinie zusammen", "Reisekostenrichtlinie"),
        ("Kannst du mir bitte die Richtlinie kurz zusammenfassen?", "Richtlinie"),
        ("Gib mir einen Überblick über das Handbuch", "Handbuch"),
        ("Eine Zusammenfassung von handbuch.pdf, bitte", "handbuch.pdf"),
        ("Worum geht es in der Qualitätsvereinbarung?", "Qualitätsvereinbarung"),
    ],
)
def test_a_summary_names_its_document(said: str, subject: str) -> None:
    request = kind_of(said)
    assert (request.kind, request.subjects) == (RequestKind.SUMMARY, (subject,))


@pytest.mark.parametrize(
    ("said", "sides"),
    [
        ("compare CarePlus Basic and Premium", ("CarePlus Basic", "CarePlus Premium")),
        ("Compare the employee handbook with the travel policy", ("employee handbook", "travel policy")),
        ("What is the difference between the TX-240 and the TX-400?", ("TX-240", "TX-400")),
        ("differences between the travel policy 2024 and 2025", ("travel policy 2024", "travel policy 2025")),
        ("TX-240 vs. TX-400", ("TX-240", "TX-400")),
        ("How does Basic differ from Premium?", ("Basic", "Premium")),
        ("Vergleiche Basic mit Premium", ("Basic", "Premium")),
        ("Was ist der Unterschied zwischen Bahn und Flug?", ("Bahn", "Flug")),
        ("Welche Unterschiede gibt es zwischen Basic und Premium?", ("Basic", "Premium")),
    ],
)
def test_a_comparison_has_two_sides(said: str, sides: tuple[str, str]) -> None:
    request = kind_of(said)
    assert (request.kind, request.subjects) == (RequestKind.COMPARISON, sides)


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("List all spare parts for the TX-400", "spare parts for the TX-400"),
        ("Please list spare parts for the TX-400.", "spare parts for the TX-400"),
        ("Show me all machines in Pilsen", "machines in Pilsen"),
        ("all machines in Pilsen", "machines in Pilsen"),
        ("a list of all machines", "machines"),
        ("Liste alle Maschinen in Pilsen auf", "Maschinen in Pilsen"),
        ("Nenne mir alle Maschinen", "Maschinen"),
        ("Zeige alle Ersatzteile für die TX-400", "Ersatzteile für die TX-400"),
        ("Welche Ersatzteile passen zur TX-400?", "Ersatzteile passen zur TX-400"),
        ("Which parts fit the TX-400?", "parts fit the TX-400"),
    ],
)
def test_a_list_names_its_things(said: str, subject: str) -> None:
    request = kind_of(said)
    assert (request.kind, request.subjects) == (RequestKind.LIST, (subject,))


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("How many parts fit the TX-400?", "parts fit the TX-400"),
        ("Count the machines in Pilsen", "machines in Pilsen"),
        ("What is the number of machines?", "machines"),
        ("Wie viele Maschinen stehen in Pilsen?", "Maschinen stehen in Pilsen"),
        ("Wieviele Maschinen gibt es?", "Maschinen gibt es"),
        ("Anzahl der Maschinen", "Maschinen"),
    ],
)
def test_a_count_names_its_things(said: str, subject: str) -> None:
    request = kind_of(said)
    assert (request.kind, request.subjects) == (RequestKind.COUNT, (subject,))


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    request = kind_of(text)
    assert all(subject.strip() and subject in " ".join(text.split()) for subject in request.subjects)


@pytest.mark.parametrize(
    "word", ["compare ", "list all ", "a ", "hello ", "danke ", "vs ", "please ", "fasse ", " and "]
)
def test_no_rule_takes_long_for_any_text(word: str) -> None:
    started = time.perf_counter()
    for text in (word * 30, word * 3000, (word * 30)[:299] + "!", word.strip() * 100):
        kind_of(text)
    assert time.perf_counter() - started < 0.2
