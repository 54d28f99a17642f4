"""A digitised result on its way to a sealed copy: deposited, read, sealed by the worker, downloaded and audited."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from tests.api.service import METADATA
from tests.journeys.columns import Column
from tests.journeys.conftest import Desk
from tests.journeys.evidence import evidence_convinces_who_trusts_nobody_here
from tests.journeys.test_real_scan import as_pdf
from tests.pdf.test_seal import seal_of, text_of
from tests.pdf.verapdf import failures
from tests.running import deposit_parts, wait_for


@pytest.mark.timeout(240)
@pytest.mark.parametrize("column", [Column.EMBEDDED])
def test_a_scan_gets_a_sealed_copy_that_others_can_check(desk: Desk, shared_data: Path) -> None:
    original = as_pdf(shared_data / "scans" / "decree-signature-page.jpg")
    said = {**METADATA, "trust": "digitised"}
    answer = desk.http.post("/records", files=deposit_parts(original, said), headers={"Idempotency-Key": "scan"})
    assert answer.status_code == 201, answer.text
    record_id = answer.json()["id"]

    def listed() -> list[dict[str, Any]]:
        renditions: list[dict[str, Any]] = desk.http.get(f"/records/{record_id}/renditions").json()["renditions"]
        return renditions

    wait_for("the scan is sealed", lambda: bool(listed()), 150)
    [copy] = listed()
    path = desk.folder / "copy.pdf"
    done = desk.service.run(
        *("download", record_id, "--rendition", "sealed", "-o", str(path), "--json"), settings=desk.client_settings()
    )
    assert done.code == 0, done.err
    assert hashlib.sha256(path.read_bytes()).hexdigest() == copy["sha256"]
    assert desk.http.get(f"/records/{record_id}/content").content == original

    assert failures([path]) == {"copy.pdf": []}
    assert "Bãi bỏ" in text_of(path)
    status = seal_of(path)
    assert (status.intact, status.valid) == (True, True)  # type: ignore[attr-defined]
    assert "NOT TRUSTED" in status.signing_cert.subject.human_friendly  # type: ignore[attr-defined]
    with pikepdf.open(path) as pdf:
        assert str(pdf.pages[0].Annots[0].V.Name) == "TEST – NOT TRUSTED"

    evidence_convinces_who_trusts_nobody_here(desk, record_id)

    def is_intact() -> bool:
        audited = desk.service.run("audit", "--verify", "--json")
        return (audited.code, audited.json["counts"]) == (0, {"intact": 1})

    # A copy that came while the record was decided on is locked as long as the rest a few seconds later.
    wait_for("everything is intact and locked alike", is_intact, 60)
