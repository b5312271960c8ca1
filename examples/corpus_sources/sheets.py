"""Two workbooks: spare parts with prices, and the machines of the plant with their maintenance."""

from __future__ import annotations

import io
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.styles import Font

from examples.corpus_sources.archive import WRITTEN, repeatable

Row = tuple[str | int | float, ...]

PARTS: tuple[Row, ...] = (
    ("Part number", "Description", "Fits", "Price EUR", "Stock", "Lead time (weeks)", "Place"),
    ("60-1010", "Gasket set evaporator", "TX-120", 184.50, 22, 1, "B-01"),
    ("60-1012", "Gasket set evaporator", "TX-240", 236.00, 17, 1, "B-01"),
    ("60-1014", "Gasket set evaporator", "TX-400", 318.00, 6, 2, "B-02"),
    ("60-1105", "Expansion valve EV1", "TX-120", 912.00, 8, 3, "B-04"),
    ("60-1107", "Expansion valve EV1", "TX-240, TX-400", 1348.00, 5, 4, "B-04"),
    ("60-1220", "Crankcase heater 120 W", "TX-120", 96.40, 31, 1, "B-05"),
    ("60-1222", "Crankcase heater 200 W", "TX-240, TX-400", 128.90, 26, 1, "B-05"),
    ("60-1340", "Flow switch FS1", "all", 143.00, 40, 1, "B-07"),
    ("60-1341", "Strainer insert S2, 0.5 mm", "all", 58.70, 64, 1, "B-07"),
    ("60-1455", "High-pressure switch 30 bar", "all", 119.00, 28, 2, "B-08"),
    ("60-1460", "Pressure sensor 0 to 35 bar", "all", 167.50, 19, 2, "B-08"),
    ("60-1472", "Temperature sensor PT1000", "all", 42.80, 88, 1, "B-08"),
    ("60-2240", "Oil filter", "TX-240", 74.20, 212, 1, "C-01"),
    ("60-2238", "Oil filter", "TX-120", 61.90, 95, 1, "C-01"),
    ("60-2244", "Oil filter", "TX-400", 97.60, 48, 1, "C-01"),
    ("60-2300", "VT-Oil 170, can of 20 l", "all", 268.00, 36, 2, "C-02"),
    ("60-2410", "Oil pump", "TX-240", 1985.00, 2, 6, "C-03"),
    ("60-2520", "Shaft seal CV-52", "TX-120", 388.00, 9, 5, "C-05"),
    ("60-2522", "Shaft seal CV-86", "TX-240", 464.00, 7, 5, "C-05"),
    ("60-2524", "Shaft seal CV-140", "TX-400", 592.00, 3, 7, "C-05"),
    ("60-3001", "Compressor CV-52, exchange", "TX-120", 11850.00, 2, 14, "D-01"),
    ("60-3003", "Compressor CV-86, exchange", "TX-240", 18900.00, 1, 26, "D-01"),
    ("60-3005", "Compressor CV-140, exchange", "TX-400", 27400.00, 0, 30, "D-01"),
    ("60-4100", "Controller board VC4-C", "all", 1290.00, 14, 3, "E-02"),
    ("60-4110", "Touch panel 10 inch", "all", 845.00, 11, 3, "E-02"),
    ("60-4120", "Gateway TG-2", "all", 498.00, 23, 2, "E-03"),
    ("60-4125", "GSM module", "all", 212.00, 15, 2, "E-03"),
    ("60-4200", "Frequency converter 132 kW", "TX-240", 9640.00, 1, 12, "E-06"),
    ("60-5010", "Machine foot MF-18", "TX-240", 88.00, 60, 1, "F-01"),
    ("60-5100", "Low-noise hood", "TX-240", 6750.00, 3, 8, "F-04"),
)
RETURNS: tuple[Row, ...] = (
    ("Part group", "Core deposit EUR", "Return within (days)", "Refund"),
    ("Compressors", 2500, 60, "100 % when complete, 40 % with a broken rotor"),
    ("Frequency converters", 900, 60, "100 %"),
    ("Controller boards", 150, 30, "100 %, none with traces of water"),
    ("Oil pumps", 200, 45, "100 %"),
)
MACHINES: tuple[Row, ...] = (
    ("Machine", "Type", "Site", "Bought", "Next inspection", "Interval (months)", "Responsible"),
    ("M-101", "Press brake Durma 220 t", "Bielefeld", 2016, "2026-01-19", 12, "Holger Pape"),
    ("M-104", "Laser cutter 6 kW", "Bielefeld", 2021, "2025-12-08", 6, "Holger Pape"),
    ("M-110", "Test bench 3", "Bielefeld", 2018, "2026-03-02", 12, "Ulrike Steinmann"),
    ("M-115", "Overhead crane 10 t", "Bielefeld", 2009, "2025-11-24", 12, "Holger Pape"),
    ("M-201", "Orbital welding cell", "Pilsen", 2025, "2026-02-16", 6, "Zdeněk Marek"),
    ("M-203", "Helium leak tester", "Pilsen", 2020, "2025-12-15", 12, "Zdeněk Marek"),
    ("M-207", "Brazing furnace", "Pilsen", 2014, "2026-04-13", 3, "Alena Horáková"),
    ("M-209", "Overhead crane 5 t", "Pilsen", 2012, "2026-05-11", 12, "Alena Horáková"),
    ("M-301", "Calibration bench", "Zwolle", 2019, "2026-01-26", 12, "Femke Dijkstra"),
    ("M-304", "Forklift electric 2.5 t", "Zwolle", 2022, "2025-12-01", 12, "Femke Dijkstra"),
)
BUDGET: tuple[Row, ...] = (
    ("Cost centre", "Site", "Budget 2025 EUR", "Spent until October EUR", "Budget 2026 EUR"),
    ("Maintenance external", "Bielefeld", 146000, 128400, 152000),
    ("Maintenance external", "Pilsen", 98000, 103700, 118000),
    ("Maintenance external", "Zwolle", 34000, 21900, 30000),
    ("Spare parts machines", "Bielefeld", 72000, 58300, 75000),
    ("Spare parts machines", "Pilsen", 64000, 49800, 66000),
    ("Calibration", "Zwolle", 41000, 36200, 44500),
)


def spare_parts() -> tuple[str, bytes]:
    """Thirty parts, and the rules for exchange parts."""
    return "spare-parts-price-list-2025.xlsx", _workbook((("Price list", PARTS), ("Exchange parts", RETURNS)))


def maintenance_plan() -> tuple[str, bytes]:
    """Machines and money."""
    return "plant-maintenance-2026.xlsx", _workbook((("Machines", MACHINES), ("Budget", BUDGET)))


def _workbook(sheets: Sequence[tuple[str, Sequence[Row]]]) -> bytes:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets:
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for column in sheet.columns:
            sheet.column_dimensions[column[0].column_letter].width = max(len(str(cell.value)) for cell in column) + 2
    workbook.properties.created = workbook.properties.modified = WRITTEN.replace(tzinfo=None)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return repeatable(buffer.getvalue())


DOCUMENTS = (spare_parts, maintenance_plan)
