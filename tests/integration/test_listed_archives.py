"""What does a reader find of an archive or of a mail with attachments?"""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

from services.views import DocumentStatus
from services.worker import Worker
from tests.fixtures.application import Department


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("contracts/Zwiebelturm lease.pdf", b"%PDF not read")
        archive.writestr("../escaped.txt", b"The relief valve opens at six bar.")
    return buffer.getvalue()


async def test_an_archive_is_found_by_the_names_in_it_and_says_that_it_was_not_unpacked(
    department: Department, worker: Worker
) -> None:
    services, principal = department.services, department.principal
    receipt = await department.read(worker, "handover.zip", _archive())
    document = await services.documents.get(principal, receipt.document_id)
    assert document.status == DocumentStatus.READY
    hits = await services.search.search(principal, "Where is the Zwiebelturm lease?")
    assert any("contracts/Zwiebelturm lease.pdf" in hit.text for hit in hits)
    assert not any("six bar" in hit.text for hit in hits)
    assert document.warning is not None
    assert "Unpack it and upload the files." in document.warning


async def test_a_mail_says_what_was_attached_and_is_not_searchable(department: Department, worker: Worker) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "Inspection", "a@example.com"
    message.set_content("The inspection of the Zwiebelturm is on Monday.")
    message.add_attachment(b"pump,4711", maintype="text", subtype="csv", filename="prices.csv")
    receipt = await department.read(worker, "inspection.eml", message.as_bytes())
    document = await department.services.documents.get(department.principal, receipt.document_id)
    assert document.status == DocumentStatus.READY
    assert document.warning is not None
    assert "prices.csv" in document.warning
