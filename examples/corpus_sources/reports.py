"""Two shorter PDFs: the quarterly report with two tables, and a quality agreement with a supplier."""

from __future__ import annotations

from examples.corpus_sources.layout import heading, new_page, pdf, steps, table, text, title

REGIONS = (
    ("Region", "Order intake Q3 2025", "Plan", "Order intake Q3 2024", "Units"),
    ("DACH", "EUR 7.84 million", "EUR 9.60 million", "EUR 9.12 million", "31"),
    ("Benelux", "EUR 5.26 million", "EUR 4.70 million", "EUR 4.41 million", "24"),
    ("CEE", "EUR 3.97 million", "EUR 3.20 million", "EUR 2.88 million", "19"),
    ("Nordics", "EUR 1.58 million", "EUR 1.40 million", "EUR 1.63 million", "7"),
    ("Service and parts", "EUR 3.12 million", "EUR 3.00 million", "EUR 2.79 million", "-"),
    ("Total", "EUR 21.77 million", "EUR 21.90 million", "EUR 20.83 million", "81"),
)
FIGURES = (
    ("Key figure", "Q3 2025", "Q2 2025", "Q3 2024"),
    ("Revenue", "EUR 19.4 million", "EUR 20.2 million", "EUR 18.1 million"),
    ("EBIT", "EUR 1.36 million", "EUR 1.71 million", "EUR 1.22 million"),
    ("EBIT margin", "7.0 %", "8.5 %", "6.7 %"),
    ("Order backlog at the end of the quarter", "EUR 34.8 million", "EUR 32.4 million", "EUR 29.0 million"),
    ("Employees (full-time equivalents)", "412", "405", "388"),
    ("Sick leave", "4.6 %", "4.1 %", "5.2 %"),
    ("Scrap rate in welding", "1.9 %", "2.3 %", "2.6 %"),
    ("Delivery on time", "83 %", "88 %", "91 %"),
    ("Net debt", "EUR 6.2 million", "EUR 5.5 million", "EUR 7.9 million"),
)
LIMITS = (
    ("Characteristic", "Limit", "Test"),
    ("Rotor run-out", "8 µm", "each piece, at 20 °C"),
    ("Residual imbalance", "G 2.5 to ISO 21940-11", "each piece"),
    ("Tightness with helium", "1 x 10-6 mbar l/s", "each piece"),
    ("Oil carry-over", "25 ppm", "one piece of each batch"),
    ("Sound power at 3,600 rpm", "79 dB(A)", "one piece of each batch"),
    ("Coating thickness of the rotors", "12 to 18 µm", "5 pieces of each batch"),
)


def quarterly_report() -> tuple[str, bytes]:
    """Three pages."""
    story = [
        title("Quarterly report Q3 2025"),
        *text(
            "Prepared by Karla Niehoff, Controlling, on 27 October 2025 for the shareholders. Figures are not audited. "
            "All amounts are in euro; quarters are calendar quarters.",
        ),
        heading("1 Summary"),
        *text(
            "Order intake reached EUR 21.77 million, 0.6 % under plan and 4.5 % above the third quarter of 2024. The "
            "weak quarter in DACH, where three TX-240 orders of together EUR 1.94 million slipped into the fourth "
            "quarter, was made up for by Benelux and CEE. Revenue was EUR 19.4 million. EBIT fell against the second "
            "quarter because of the ThermoView outage (EUR 88,000 of credits and overtime), the filter service action "
            "(EUR 61,000) and late compressors.",
            "For the whole year we now expect revenue between EUR 79 and 81 million and an EBIT margin of 7.5 %. The "
            "forecast of July was EUR 82 million and 8.0 %.",
        ),
        heading("2 Orders by region"),
        *table(REGIONS, (30, 36, 35, 38, 16)),
        new_page(),
        heading("3 Key figures"),
        *table(FIGURES, (62, 36, 36, 36)),
        *text(
            "The order backlog covers 5.4 months of production. Delivery on time fell because Corvane delivered only 78 % "
            "of the CV-86 compressors on the day agreed. The rise in headcount comes from the second shift on assembly "
            "line 2 in Pilsen, which started on 1 July with 11 people.",
        ),
        heading("4 Investment"),
        *text(
            "EUR 1.12 million was invested in the quarter: EUR 640,000 in test bench 4 in Bielefeld, which can load units "
            "up to 700 kW, EUR 310,000 in the orbital welding cell in Pilsen and EUR 170,000 in tools. Test bench 4 goes "
            "into operation on 2 February 2026.",
        ),
        new_page(),
        heading("5 Risks"),
        *text(
            "Compressor supply is the largest risk. Should Corvane not return to normal lead times in week 3 of 2026, "
            "revenue of EUR 3.1 million would move into the second quarter. Meridio Rotors is being qualified as a second "
            "source. The second risk is the price of copper: a rise by 10 % costs EUR 140,000 a year; 60 % of the need "
            "for 2026 is hedged at EUR 8,950 per tonne.",
            "The loan of EUR 5 million from Sparkasse Ostwestfalen runs until 30 June 2028 at 3.85 % interest. The "
            "covenant, net debt of at most 2.5 times EBITDA, was met with 1.1.",
        ),
        heading("6 Outlook"),
        *text(
            "The prototype of the TX-600 reached 131 °C. Series production in Pilsen is planned for the third quarter of "
            "2026 at a rate of four units a month. The target price is EUR 389,000.",
        ),
    ]
    return "quarterly-report-2025-q3.pdf", pdf(
        story, name="Quarterly report Q3 2025", header="Controlling | Confidential"
    )


def quality_agreement() -> tuple[str, bytes]:
    """Two pages."""
    story = [
        title("Quality agreement QA-2024-11"),
        *text(
            "between Varmholt Wärmetechnik GmbH, Bielefeld, and Corvane Compressors S.p.A., Vicenza, signed on 14 November "
            "2024 by Bettina Graupe and Alessandro Brunetti. It belongs to the framework agreement RV-2023-08 and is valid "
            "until 31 December 2027.",
        ),
        heading("1 Requirements"),
        *table(LIMITS, (68, 52, 50)),
        *text(
            "Each compressor is delivered with a test record that names serial number, date and tester. Records are kept "
            "for 15 years. Changes of material, process or place of manufacture are announced 6 months ahead and need the "
            "written consent of Varmholt's quality department.",
        ),
        heading("2 Complaints"),
        steps(
            "Varmholt reports a defect within 10 working days of finding it.",
            "Corvane confirms within 24 hours and takes measures at once within 3 working days (8D report, D3).",
            "The cause is named within 15 working days (D5), the finished 8D report follows within 30 working days.",
            "A replacement leaves Vicenza within 5 working days.",
        ),
        *text("For each justified complaint Corvane bears a flat rate of EUR 450 beside the cost of the repair."),
        new_page(),
        heading("3 Targets and audits"),
        *text(
            "The target is 800 ppm defective pieces in 2025 and 500 ppm in 2026. Above 1,500 ppm in two months running "
            "Corvane carries out a 100 % outgoing check at its own cost. Varmholt audits the plant every 24 months and may "
            "come at any time with 5 working days' notice. The last audit, on 3 and 4 June 2025, ended with 87 of 100 "
            "points and two minor findings; below 80 points the supplier is blocked for new projects.",
        ),
        heading("4 Late delivery"),
        *text(
            "When fewer than 95 % of the pieces of a quarter arrive on the agreed day, Corvane pays 0.5 % of the value of "
            "the late pieces for each working day, at most 8 %. Packaging: reusable frames of the type VR-3, six pieces "
            "each; frames that are not returned within 90 days are charged with EUR 320.",
        ),
        heading("5 Contacts"),
        *text(
            "Varmholt: Sylvia Trautwein, Quality, extension 5210. Corvane: Giulia Ferro, quality@corvane.example. Court of "
            "jurisdiction is Bielefeld; German law applies.",
        ),
    ]
    return "quality-agreement-corvane.pdf", pdf(story, name="Quality agreement QA-2024-11", header="QA-2024-11")


DOCUMENTS = (quarterly_report, quality_agreement)
