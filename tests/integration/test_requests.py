"""Are greetings, summaries, comparisons, lists and counts answered from real documents, and only from readable ones?"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from core.events import AnswerEvent, CitationEvent, Outcome
from core.identity import Principal, Role
from db.models import Collection
from services.bootstrap import Services
from services.worker.container import Worker
from tests.fixtures.application import CLIENT, PASSWORD, Department, make_department
from tests.support.versions import now

SAMPLES = Path(__file__).resolve().parents[2] / "examples" / "corpus"
PARTS, CONTRACT = "spare-parts-price-list-2025.xlsx", "careplus-contract-conditions.docx"
READ = (PARTS, CONTRACT, "reisekostenrichtlinie.md", "employee-handbook.md", "plant-maintenance-2026.xlsx")


async def read_samples(department: Department, worker: Worker, *names: str) -> None:
    """Sample documents, as they come with the product."""
    for name in names:
        await department.read(worker, name, (SAMPLES / name).read_bytes())


async def asked(department: Department, question: str, who: Principal | None = None) -> tuple[str, list[AnswerEvent]]:
    """What is kept as the answer, led by its outcome, and the events."""
    who = who or department.principal
    run = await department.services.answering.ask(who, question)
    events = [event async for event in run.events()]
    _, kept = await department.services.chats.messages(who, run.chat_id)
    return f"{kept.outcome}: {kept.content}", events


async def test_each_kind_of_request_is_answered_from_the_samples(department: Department, worker: Worker) -> None:
    await read_samples(department, worker, *READ)
    said, _ = await asked(department, "hello")
    assert said.startswith("told: Hello. I answer questions from the 5 documents that you may read (")
    assert "2 Excel" in said
    assert said.splitlines()[-3] == "- How many days of annual leave does a full-time employee have?"
    assert (await asked(department, "thanks!"))[0] == "told: You are welcome. Ask on whenever you like."
    said, _ = await asked(department, "Summarise the travel policy")
    assert said.startswith("answered: No document is called “travel policy”. Outline of **reisekostenrichtlinie.md**")
    assert "- **2.2 Flug**: Flüge sind nur zulässig, wenn die Bahnfahrt länger als 6 Stunden dauern würde. [4]" in said
    said, _ = await asked(department, "Compare CarePlus Basic and Premium")
    basic, premium = said.split("**CarePlus Premium**")
    assert "Level: Basic · Annual fee TX-240: EUR 2,900" in basic
    assert "Level: Premium · Annual fee TX-240: EUR 7,400" in premium
    said, events = await asked(department, "List all spare parts for the TX-400")
    assert (
        f"16 of 30 rows of **{PARTS}** (sheet Price list) fit: 6 name “TX-400”, 10 say “all” in the column Fits" in said
    )
    cited = [event.citation for event in events if isinstance(event, CitationEvent)]
    assert len(cited) == 16
    opened = await department.services.documents.passage(
        department.principal, cited[8].chunk_id, char_start=cited[8].char_start, char_end=cited[8].char_end
    )
    assert "60-2244" in opened.text[opened.char_start : opened.char_end]
    said, _ = await asked(department, "How many machines are in Pilsen?")
    assert said.startswith("answered: **4** of 10 rows of **plant-maintenance-2026.xlsx** (sheet Machines)")
    said, _ = await asked(department, "How many days of annual leave does a full-time employee have?")
    assert "30 working days" in said
    assert "looked through" not in said


async def test_what_may_not_be_read_is_neither_counted_nor_named_nor_listed(
    services: Services, department: Department, worker: Worker
) -> None:
    me, board = department.principal, uuid4()
    async with services.database.transaction(me.organization_id) as session:
        session.add(Collection(id=board, organization_id=me.organization_id, name="Board", is_open=False))
    await department.read(worker, "pumps.csv", b"Pump;Site\nP-1;Turku\nP-2;Turku\n")
    receipt = await department.upload("merger-plan.csv", b"Firm;Price\nAcme;7 million\nBolt;9 million\n", board)
    await worker.dispatcher.begin(me.organization_id, receipt.task_id)
    await worker.dispatcher.drain()
    viewer = await make_reader(department)
    assert "from the 2 documents" in (await asked(department, "hello"))[0]
    assert "Acme" in (await asked(department, "List all rows of merger-plan.csv"))[0]
    said, _ = await asked(department, "hello", viewer)
    assert "the one document that you may read (1 CSV)" in said
    assert "merger" not in said
    for question in (
        "List all rows of merger-plan.csv",
        "Summarise merger-plan.csv",
        "Compare merger-plan.csv and pumps.csv",
    ):
        said, _ = await asked(department, question, viewer)
        assert "Acme" not in said
        assert "million" not in said
    stranger = await make_department(services, "beta")
    said, _ = await asked(stranger, "what can you do?")
    assert said.startswith("told: There are no documents yet that you may read.")


async def make_reader(department: Department) -> Principal:
    """Somebody who may only read."""
    user = await department.services.accounts.create_user(
        department.principal,
        email="reader@alpha.example",
        password=PASSWORD,
        role=Role.VIEWER,
        client=CLIENT,
    )
    return Principal(user.id, department.principal.organization_id, Role.VIEWER, user.email)


async def test_a_summary_of_the_past_is_of_what_stood_there(department: Department, worker: Worker) -> None:
    await department.read(worker, "valves.md", b"# Valves\n\nThe relief valve of the boiler opens at 6 bar.\n")
    moment = now()
    await department.read(worker, "valves.md", b"# Valves\n\nThe relief valve of the boiler opens at 8 bar.\n")
    for as_of, words in ((moment, "6 bar"), (None, "8 bar")):
        run = await department.services.answering.ask(department.principal, "Summarise valves.md", as_of=as_of)
        done = await run.wait()
        assert done.outcome is Outcome.ANSWERED
        assert words in run.said.text


async def test_a_list_of_a_long_table_is_cut_and_says_so(department: Department, worker: Worker) -> None:
    rows = "".join(f"{number};Turku\n" for number in range(1000, 3000))
    await department.read(worker, "pumps.csv", f"Pump;Site\n{rows}".encode())
    said, _ = await asked(department, "List all pumps in Turku")
    assert said.startswith("answered: 2,000 of 2,000 rows of **pumps.csv**")
    assert said.endswith("50 of 2,000 rows are shown; 1,950 are left out.")


async def test_odd_requests_do_no_harm(department: Department, worker: Worker) -> None:
    await department.read(worker, "pumps.csv", b"Pump;Site\nP-1;Turku\n")
    for question in (
        "summarise %_%",
        "summarise '; DROP TABLE documents; --",
        "compare \u202e and \u202d",
        "list all |",
        "list all \u0000 rows",
        "How many ((((",
        "summarise " + "x" * 9_000,
    ):
        _, events = await asked(department, question)
        assert getattr(events[-1], "outcome", None) is not Outcome.FAILED
