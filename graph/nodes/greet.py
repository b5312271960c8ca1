"""Node: a greeting, thanks, or "what can you do" -> words."""

from __future__ import annotations

from langgraph.runtime import Runtime

from core.events import ToldEvent
from core.text.requests import Request, RequestKind
from graph.context import GraphContext, Holdings
from graph.state import AnswerState

STARTERS = 3
KINDS = 8
_KIND = {
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "application/vnd.oasis.opendocument.text": "OpenDocument",
    "message/rfc822": "e-mail",
    "text/markdown": "Markdown",
    "text/plain": "text",
    "text/html": "HTML",
    "text/csv": "CSV",
}
_TABLES = frozenset({"Excel", "CSV"})
_SAY = {
    False: {
        "hello": "Hello.",
        "thanks": "You are welcome. Ask on whenever you like.",
        "bye": "Goodbye.",
        "none": "There are no documents yet that you may read. Drop a file into this conversation, and ask about it.",
        "can": "I answer questions from {documents}, and show the passage behind each answer. I can also summarise a "
        "document, compare two things, and list or count the rows of a table.",
        "one": "the one document that you may read ({kinds})",
        "many": "the {count} documents that you may read ({kinds})",
        "others": "others",
        "try": "You could begin with:",
        "summary": "Summarise {name}",
        "rows": "List all rows of {name}",
        "comparison": "Compare {name} and {other}",
    },
    True: {
        "hello": "Guten Tag.",
        "thanks": "Gern geschehen. Fragen Sie einfach weiter.",
        "bye": "Auf Wiedersehen.",
        "none": "Es gibt noch keine Dokumente, die Sie lesen dürfen. Legen Sie eine Datei in dieses Gespräch und "
        "fragen Sie danach.",
        "can": "Ich beantworte Fragen aus {documents} und zeige zu jeder Antwort die Stelle. Ich kann auch ein "
        "Dokument zusammenfassen, zwei Dinge vergleichen und die Zeilen einer Tabelle auflisten oder zählen.",
        "one": "dem einen Dokument, das Sie lesen dürfen ({kinds}),",
        "many": "den {count} Dokumenten, die Sie lesen dürfen ({kinds}),",
        "others": "andere",
        "try": "Zum Beispiel:",
        "summary": "Fasse {name} zusammen",
        "rows": "Liste alle Zeilen von {name} auf",
        "comparison": "Vergleiche {name} mit {other}",
    },
}  # fmt: skip


async def greet(state: AnswerState, runtime: Runtime[GraphContext]) -> AnswerState:
    """Reply in the reader's language, and say what there is to ask about.

    Reads ``request``; writes ``answer`` and ``cited``, which is none: nothing is claimed of any document.
    """
    context, request = runtime.context, state["request"]
    text = await _text(request, context)
    await context.emit(ToldEvent(text=text))
    return {"answer": text, "cited": 0}


async def _text(request: Request, context: GraphContext) -> str:
    say = _SAY[request.german]
    if request.kind is RequestKind.THANKS:
        return say["thanks"]
    if request.kind is RequestKind.FAREWELL:
        return say["bye"]
    hello = f"{say['hello']} " if request.kind is RequestKind.GREETING else ""
    holdings = await context.library.holdings(context.scope)
    if not holdings.documents:
        return hello + say["none"]
    can = say["can"].format(documents=_documents(holdings, say))
    starters = "\n".join(f"- {one}" for one in _starters(holdings, say))
    return f"{hello}{can}\n\n{say['try']}\n\n{starters}"


def _documents(holdings: Holdings, say: dict[str, str]) -> str:
    """How many documents, and of which kinds."""
    kinds: dict[str, int] = {}
    for mime_type, count in holdings.kinds.items():
        name = _KIND.get(mime_type, say["others"])
        kinds[name] = kinds.get(name, 0) + count
    known = sorted(kinds.items(), key=lambda one: (one[0] == say["others"], -one[1]))
    rest = sum(count for _, count in known[KINDS:])
    named = [f"{count} {name}" for name, count in known[:KINDS]] + ([f"{rest} {say['others']}"] if rest else [])
    return say["one" if holdings.documents == 1 else "many"].format(count=holdings.documents, kinds=", ".join(named))


def _starters(holdings: Holdings, say: dict[str, str]) -> list[str]:
    """Three questions: those known to be answered, then what can be made of any document."""
    tables = [name for name, mime_type in holdings.newest if _KIND.get(mime_type) in _TABLES]
    texts = [name for name, _ in holdings.newest if name not in tables]
    made = [say["summary"].format(name=name) for name in texts[:1]]
    made += [say["rows"].format(name=name) for name in tables[:1]]
    made += [say["comparison"].format(name=texts[0], other=texts[1])] if len(texts) > 1 else []
    made += [say["summary"].format(name=name) for name in (*texts[1:], *tables)]
    return [*holdings.questions, *made][:STARTERS]
