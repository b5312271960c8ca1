"""Two Word documents and a presentation."""

from __future__ import annotations

import io
from collections.abc import Sequence

from docx import Document
from docx.document import Document as WordDocument
from pptx import Presentation

from examples.corpus_sources.archive import WRITTEN, repeatable


def careplus_contract() -> tuple[str, bytes]:
    """Clauses, and a table of the three levels."""
    document = _word("CarePlus service contract: general conditions")
    document.add_paragraph(
        "Version 5, valid for contracts signed from 1 January 2025. Varmholt Wärmetechnik GmbH (“Varmholt”) maintains heat "
        "pumps of the TX series for the customer under these conditions."
    )
    document.add_heading("1 Levels of service", 1)
    _table(
        document,
        (
            ("Level", "Annual fee TX-240", "Visits a year", "Response time", "Remote monitoring", "Parts included"),
            ("Basic", "EUR 2,900", "1", "2 working days", "no", "no"),
            ("Comfort", "EUR 4,600", "2", "24 hours", "06:00 to 22:00", "wearing parts"),
            ("Premium", "EUR 7,400", "2", "8 hours", "around the clock", "all but the compressor"),
        ),
    )
    document.add_paragraph(
        "The fee for a TX-120 is 70 % and for a TX-400 135 % of that for a TX-240. From the third unit at one site 10 % is "
        "deducted."
    )
    for head, body in (
        (
            "2 Term and notice",
            "The contract runs for 36 months and is then extended by 12 months at a time, unless one party gives notice "
            "in writing 3 months before the end. Either party may end it at once when invoices remain unpaid for more than "
            "60 days or the unit is taken out of service.",
        ),
        (
            "3 Response time",
            "The response time begins with the call or with the alarm in ThermoView and ends with the arrival of a "
            "technician or the start of remote work. If it is exceeded, Varmholt credits 10 % of the annual fee, at most "
            "30 % in a contract year. No credit is given when roads are closed or the customer cannot give access.",
        ),
        (
            "4 Customer's duties",
            "The customer names two persons with a telephone number, keeps the machine room free, provides an internet "
            "connection of at least 2 Mbit/s for remote monitoring and does the monthly checks of the manual. Work that "
            "has to be repeated because of a missing access is charged at EUR 118 an hour and EUR 0.72 a kilometre.",
        ),
        (
            "5 Prices",
            "Fees are invoiced yearly in advance and due within 21 days. They change each 1 January with the index of "
            "collectively agreed wages in mechanical engineering, by no more than 4 % a year.",
        ),
        (
            "6 Liability",
            "Varmholt is liable without limit for intent and gross negligence and for injury to life and health, otherwise "
            "up to EUR 2 million per event. Loss of production is covered up to EUR 50,000 per event under Premium only.",
        ),
        (
            "7 Data",
            "Operating data in ThermoView belong to the customer. Varmholt keeps them for 5 years, uses them for the "
            "contract and, made anonymous, to improve its products. At the end of the contract the customer receives an "
            "export in CSV within 30 days.",
        ),
    ):
        document.add_heading(head, 1)
        document.add_paragraph(body)
    return "careplus-contract-conditions.docx", _saved(document)


def onboarding_guide() -> tuple[str, bytes]:
    """The first weeks of a new technician."""
    document = _word("Onboarding guide for service technicians")
    document.add_paragraph("Owner: Joris Haverkate, Head of Service. Last change: 18 August 2025.")
    document.add_heading("Before the first day", 1)
    for item in (
        "HR orders laptop, phone and the service van 15 working days ahead. Vans are of the type eVito with 240 km range.",
        "The mentor is named by the team lead. One mentor has no more than two newcomers at a time.",
        "Work clothes are chosen in the web shop; each technician has a budget of EUR 450 a year.",
    ):
        document.add_paragraph(item, style="List Bullet")
    document.add_heading("Training plan", 1)
    _table(
        document,
        (
            ("Week", "Subject", "Place", "Trainer"),
            ("1", "Company, safety, tools, V-Core 4 basics", "Bielefeld", "Ruth Amberger"),
            ("2", "Refrigeration circuit, certificate category I refresher", "Bielefeld", "Dieter Kolbe"),
            ("3 and 4", "Assembly line and test bench", "Pilsen", "Zdeněk Marek"),
            ("5 to 8", "Visits with the mentor", "own region", "mentor"),
            ("9", "ThermoView, remote diagnosis, reports", "Zwolle", "Femke Dijkstra"),
            ("10", "Practical examination VT-C2", "Bielefeld", "Dieter Kolbe"),
        ),
    )
    document.add_paragraph(
        "The examination VT-C2 lasts 4 hours and is passed with 75 of 100 points. It may be repeated once after 4 weeks. "
        "Nobody works alone on a unit before passing it."
    )
    document.add_heading("Tools", 1)
    document.add_paragraph(
        "Each van carries tool set TS-4, worth EUR 6,800. Torque wrenches and gauges are calibrated every 12 months in "
        "Zwolle. Lost tools up to EUR 150 are replaced without a form; above that the team lead signs form S-12."
    )
    document.add_heading("On-call duty", 1)
    document.add_paragraph(
        "Newcomers join the on-call rota after 6 months. A week of duty runs from Friday 14:00 to Friday 14:00 and is paid "
        "with EUR 280, plus the hours worked. After a call between 23:00 and 05:00 work starts 11 hours later. Nobody has "
        "duty more often than every fifth week."
    )
    document.add_heading("Reports", 1)
    document.add_paragraph(
        "A visit report is finished in FieldNote before leaving the customer, and has at least two photographs. Reports "
        "missing after 48 hours are shown to the team lead. Private use of the van is allowed up to 3,000 km a year."
    )
    return "onboarding-service-technicians.docx", _saved(document)


SLIDES: tuple[tuple[str, Sequence[str], str], ...] = (
    (
        "Sales strategy 2026",
        ("Rafael Quintaro, Head of Sales", "Sales conference, Zwolle, 3 November 2025"),
        "Welcome. The slides are internal and must not be given to dealers.",
    ),
    (
        "Where we stand",
        (
            "TX-240 makes 58 % of our revenue from units",
            "Win rate in 2025: 31 % of quotations, 27 % in 2024",
            "Average time from first contact to order: 9.5 months",
        ),
        "The win rate rose after we began to show the energy audit with each quotation.",
    ),
    (
        "Target customers",
        (
            "Dairies: 34 % of orders, 210 sites in the target region",
            "Paper and board: 22 %",
            "Breweries: 15 %, growing fastest",
            "District heating: 9 %, tenders take 18 months",
        ),
        "Breweries need 110 °C for wort boiling; the TX-120 with its 110 °C is the right entry.",
    ),
    (
        "Goals for 2026",
        (
            "Order intake: EUR 94 million",
            "Share of units sold with CarePlus: 65 %, now 48 %",
            "New regions: Denmark from April, Poland from September",
        ),
        "Denmark is served from Zwolle at first. A technician based in Odense is approved for July.",
    ),
    (
        "Measures",
        (
            "Two energy consultants in DACH, hired by 31 March",
            "Dealer programme: margin of 12 % for certified partners, 8 % for others",
            "Rental fleet of five TX-120 for trials of up to 6 months at EUR 3,200 a month",
        ),
        "Half of the rent is deducted from the price when the customer buys within 90 days of the trial.",
    ),
    (
        "Competition",
        (
            "Nordvarme: cheaper by about 8 %, but only 100 °C",
            "Kaltenegger: same temperature, delivery in 34 weeks",
            "Our delivery time: 26 weeks for a TX-240, goal 20 weeks by June 2026",
        ),
        "Never quote a delivery time below the one shown in the order system.",
    ),
    (
        "Budget",
        (
            "Trade fairs: EUR 420,000 (Chillventa EUR 190,000)",
            "Dealer programme: EUR 260,000",
            "Rental fleet: EUR 510,000 investment",
            "Total: EUR 1.19 million",
        ),
        "The budget was approved by Tobias Wenning on 29 October 2025 with the condition that DACH is back on plan by May.",
    ),
)


def sales_strategy() -> tuple[str, bytes]:
    """Seven slides with speaker notes."""
    presentation = Presentation()
    for head, lines, notes in SLIDES:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = head
        slide.placeholders[1].text = "\n".join(lines)
        slide.notes_slide.notes_text_frame.text = notes
    presentation.core_properties.title = "Sales strategy 2026"
    presentation.core_properties.created = presentation.core_properties.modified = WRITTEN.replace(tzinfo=None)
    buffer = io.BytesIO()
    presentation.save(buffer)
    return "sales-strategy-2026.pptx", repeatable(buffer.getvalue())


def _word(head: str) -> WordDocument:
    document = Document()
    document.core_properties.title = head
    document.core_properties.author = "Varmholt Wärmetechnik GmbH"
    document.core_properties.created = document.core_properties.modified = WRITTEN.replace(tzinfo=None)
    document.add_heading(head, 0)
    return document


def _table(document: WordDocument, rows: Sequence[Sequence[str]]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for row in rows:
        for cell, content in zip(table.add_row().cells, row, strict=True):
            cell.text = content


def _saved(document: WordDocument) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return repeatable(buffer.getvalue())


DOCUMENTS = (careplus_contract, onboarding_guide, sales_strategy)
