"""The installation and service manual of the TX-240: several pages, numbered steps, three tables."""

from __future__ import annotations

from examples.corpus_sources.layout import heading, new_page, pdf, steps, table, text, title

TECHNICAL_DATA = (
    ("Property", "TX-120", "TX-240", "TX-400"),
    ("Heating capacity at source 35 °C, sink 90 °C", "122 kW", "243 kW", "398 kW"),
    ("Coefficient of performance at the same point", "3.4", "3.6", "3.7"),
    ("Highest flow temperature", "110 °C", "120 °C", "120 °C"),
    ("Source inlet temperature", "10 to 45 °C", "10 to 55 °C", "12 to 55 °C"),
    ("Refrigerant and charge", "R-1233zd(E), 34 kg", "R-1233zd(E), 62 kg", "R-1233zd(E), 98 kg"),
    ("Compressor frame size", "CV-52", "CV-86", "CV-140"),
    ("Oil charge", "11 l", "18 l", "29 l"),
    ("Power supply", "400 V, 3 ph, 50 Hz", "400 V, 3 ph, 50 Hz", "400 V, 3 ph, 50 Hz"),
    ("Largest operating current", "86 A", "164 A", "271 A"),
    ("Sound power level", "74 dB(A)", "78 dB(A)", "81 dB(A)"),
    ("Width x depth x height", "1,900 x 1,050 x 1,980 mm", "2,600 x 1,200 x 2,150 mm", "3,450 x 1,450 x 2,240 mm"),
    ("Operating weight", "1,480 kg", "2,350 kg", "3,690 kg"),
)
FAULTS = (
    ("Code", "Meaning", "First check", "Restart"),
    ("E-103", "Phase missing or wrong phase sequence", "Fuses F1 to F3, rotation field at X1", "automatic"),
    ("E-112", "High-pressure switch has tripped (30 bar)", "Sink pump, valve V4, strainer S2", "by hand, button S7"),
    ("E-118", "Low pressure under 0.6 bar for 90 s", "Source pump, refrigerant charge", "by hand"),
    ("E-207", "Discharge temperature above 138 °C", "Expansion valve EV1, oil cooler", "automatic after 10 min"),
    ("E-214", "Oil differential pressure under 1.2 bar", "Oil filter 60-2240, oil level", "by hand, after service"),
    ("E-305", "No flow on the sink side", "Flow switch FS1, parameter P-417", "automatic"),
    ("E-318", "Frost danger at the source, below 3 °C", "Source temperature, glycol content", "automatic"),
    (
        "E-402",
        "Refrigerant in the machine room, above 150 ppm",
        "Leave the room, ventilate, call Service",
        "by Service",
    ),
    ("I-052", "Certificate expires within 30 days", "Connection to ThermoView", "none needed"),
)
MAINTENANCE = (
    ("Work", "Interval", "Who"),
    ("Check oil level in the sight glass", "every month", "operator"),
    ("Clean strainers S1 and S2", "every 3 months", "operator"),
    ("Leak test with an electronic detector, 5 g per year", "every 6 months", "certified person"),
    ("Replace oil filter 60-2240", "every 4,000 operating hours, at least once a year", "Varmholt Service"),
    ("Oil analysis", "every 4,000 operating hours", "Varmholt Service"),
    ("Replace oil (TX-240: 18 l of VT-Oil 170)", "every 16,000 operating hours", "Varmholt Service"),
    ("Test of the high-pressure switch", "once a year", "Varmholt Service"),
    ("Replace the shaft seal of the compressor", "every 40,000 operating hours", "Varmholt Service"),
)


def tx240_manual() -> tuple[str, bytes]:
    """Seven pages."""
    story = [
        title("TX series heat pumps: installation and service manual"),
        *text(
            "Document TX-MAN-07, edition 7 of 12 May 2025. It applies to TX-120, TX-240 and TX-400 with the V-Core 4 "
            "controller. Keep it beside the unit. The German edition is the original; this is a translation.",
        ),
        heading("1 Safety"),
        *text(
            "The refrigerant R-1233zd(E) is not flammable and has a global warming potential of 1, but it displaces air. "
            "Machine rooms need a gas sensor 30 cm above the floor that raises an alarm at 150 ppm (message E-402) and "
            "starts the fan, which must move at least 2,400 m³ of air an hour for a TX-240.",
            "Only persons with a certificate of category I under Regulation (EU) 2024/573 may open the refrigerant "
            "circuit. Surfaces at the sink side reach 120 °C. After switching off, wait 15 minutes before removing the "
            "covers: the capacitors of the frequency converter hold a dangerous voltage for up to 12 minutes.",
        ),
        heading("2 Transport and place"),
        *text(
            "The TX-240 is lifted at its four eyes with a spreader of at least 2.2 m; the angle of the chains must not "
            "fall below 60 degrees. It may be tilted by no more than 15 degrees. Store it dry between -20 and +50 °C.",
            "Keep 1,000 mm free in front of the control cabinet, 800 mm at the compressor side and 600 mm elsewhere. The "
            "foundation must carry 2,350 kg and be level within 3 mm per metre. Use the six machine feet MF-18; without "
            "them the guarantee on noise values is void.",
        ),
        new_page(),
        heading("3 Technical data"),
        *table(TECHNICAL_DATA, (64, 35, 36, 36)),
        *text("Capacities were measured to EN 14511 with clean heat exchangers; the tolerance is 4 %."),
        new_page(),
        heading("4 Hydraulic connection"),
        steps(
            "Flush the sink circuit for at least 30 minutes and clean the strainer S2 (mesh 0.5 mm).",
            "Connect flow and return with flexible joints of DN 80, PN 16.",
            "Fill with water to VDI 2035; the conductivity must lie below 100 µS/cm and the pH value between 8.2 and 10.",
            "Vent at the three points marked with a blue tag.",
            "Set the pressure to 2.5 bar when cold. The safety valve opens at 6 bar.",
        ),
        *text(
            "On the source side use at least 25 % propylene glycol where the source can fall below 6 °C. The volume of "
            "the buffer tank on the sink side must be at least 12 litres per kilowatt of heating capacity, that is 2,900 "
            "litres for a TX-240.",
        ),
        heading("5 Electrical connection"),
        *text(
            "Fuse the TX-240 with 200 A gG. A residual current device must be of type B with 300 mA. The supply cable "
            "has a cross-section of at least 4 x 95 mm² copper up to a length of 40 m. Tighten the terminals at X1 with "
            "32 Nm and again after 200 operating hours.",
            "The controller is connected through Modbus TCP at port 502 or through the gateway TG-2, which needs an "
            "outgoing connection at port 8883. No incoming port is ever opened.",
        ),
        new_page(),
        heading("6 Commissioning"),
        *text("Commissioning is done by Varmholt Service or a partner with the certificate VT-C2."),
        steps(
            "Switch on the crankcase heater 24 hours before the first start.",
            "Check the rotation field. A wrong one raises E-103 and the compressor does not start.",
            "Enter the commissioning code from the delivery note, then language, time zone and the number of units.",
            "Set P-101 (flow temperature) and P-233 (anti-short-cycle time, default 8 minutes).",
            "Let the unit run for 4 hours at 60 % and then for 2 hours at full load; record the values in form F-31.",
            "Send form F-31 within 14 days; the warranty of 36 months begins with the date on it.",
        ),
        *text(
            "Without form F-31 the warranty begins with the delivery and lasts 24 months. It ends at 18,000 operating "
            "hours, whichever comes first, and covers the compressor for 60 months when a CarePlus contract exists.",
        ),
        new_page(),
        heading("7 Faults"),
        *text("Faults are shown with their code, sent to ThermoView, and kept in the log of the last 500 events."),
        *table(FAULTS, (17, 62, 58, 34)),
        *text(
            "After three automatic restarts within 60 minutes the unit locks itself and must be restarted by hand. The "
            "service password is never needed for a restart.",
        ),
        new_page(),
        heading("8 Maintenance"),
        *table(MAINTENANCE, (78, 55, 38)),
        *text(
            "The operator keeps a log of leak tests for 5 years. Used oil is waste of the code 13 02 06. Refrigerant is "
            "recovered into bottles marked in green with a fill limit of 0.8 kg per litre.",
        ),
        new_page(),
        heading("9 Taking out of service"),
        *text(
            "Recover the refrigerant, drain both water circuits when frost is possible, and disconnect the supply. For a "
            "standstill of more than 6 months run the oil pump for 10 minutes each month. Varmholt takes old units back "
            "free of charge within Germany, the Netherlands, Belgium and the Czech Republic; ask "
            "returns@varmholt.example and name the serial number.",
        ),
        heading("10 Contact"),
        *text(
            "Service coordination in Zwolle: +31 38 555 01 40, every day from 06:00 to 22:00, and around the clock for "
            "CarePlus Premium. Spare parts: parts@varmholt.example. Orders that arrive before 14:00 leave the same day.",
        ),
    ]
    return "tx-series-service-manual.pdf", pdf(story, name="TX series service manual", header="TX-MAN-07 | Edition 7")


DOCUMENTS = (tx240_manual,)
