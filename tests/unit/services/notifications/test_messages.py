"""What do notices say, and what do they keep to themselves?"""

from __future__ import annotations

from uuid import UUID

from core.types import PluginStatus
from plugins.framework.manager import PluginState
from services.notifications.messages import MAX_LINES, EndedDocument, about_documents, about_plugin

URL = "https://kf.example.org"


def ended(count: int, failure_code: str | None = None) -> list[EndedDocument]:
    return [
        EndedDocument(UUID(int=1), UUID(int=100 + number), f"file-{number}.md", failure_code, "a@example.org")
        for number in range(count)
    ]


def test_many_documents_are_counted_and_not_all_listed() -> None:
    notice = about_documents(ended(MAX_LINES + 5), "document.ready", URL, named=True)
    assert notice.subject == "Knowledge Foundry: 25 documents are ready"
    lines = notice.message.splitlines()
    assert lines[0] == "- file-0.md"
    assert lines[MAX_LINES] == "- and 5 more"
    assert URL in lines[-1]
    documents = notice.facts["documents"]
    assert isinstance(documents, list)
    assert len(documents) == 25


def test_names_are_left_out_where_they_are_not_allowed() -> None:
    notice = about_documents(ended(1, "encrypted"), "document.failed", URL, named=False)
    assert notice.message.splitlines()[0] == f"- document {UUID(int=100)} (encrypted)"
    assert "file-0" not in str(notice)


def test_alarm_names_the_plugin_and_not_the_reason() -> None:
    state = PluginState("llm", "far", "plugins.llm.openai:OpenAIProvider", PluginStatus.BROKEN, "refused by 10.0.0.7")
    notice = about_plugin(state)
    assert (notice.event, notice.subject) == ("health.alarm", "Knowledge Foundry: plugin llm/far is broken")
    assert "10.0.0.7" not in str(notice)


def test_all_clear_says_that_it_works_again() -> None:
    state = PluginState("llm", "far", "plugins.llm.openai:OpenAIProvider", PluginStatus.HEALTHY)
    notice = about_plugin(state)
    assert notice.event == "health.recovered"
    assert "works again" in notice.message
