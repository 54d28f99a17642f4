"""A real scan of a state document, as an office's scanner gives it: deposited, recognised, and found by its words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.api.service import METADATA
from tests.journeys.columns import Column
from tests.journeys.conftest import Desk
from tests.running import deposit_parts, wait_for

SCAN_DPI = 200


@pytest.mark.timeout(240)
@pytest.mark.parametrize("column", [Column.EMBEDDED, Column.SERVERS])
def test_real_scan_is_found_with_and_without_tone_marks(desk: Desk, shared_data: Path) -> None:
    pdf = as_pdf(shared_data / "scans" / "decree-signature-page.jpg")
    answer = desk.http.post("/records", files=deposit_parts(pdf, METADATA), headers={"Idempotency-Key": "scan"})
    assert answer.status_code == 201, answer.text
    record_id = answer.json()["id"]

    def shown() -> dict[str, Any]:
        body: dict[str, Any] = desk.http.get(f"/records/{record_id}").json()
        return body

    wait_for("the scan is searchable", lambda: shown()["search_state"] == "searchable", 120)
    (page,) = desk.http.get(f"/records/{record_id}/text").json()["pages"]
    assert page["source"] == "ocr"
    assert page["confidence"] > 60
    for typed in ("bai bo cac quy dinh", "Bãi bỏ các quy định", '"bãi bỏ các quy định"', '"bai bo cac quy dinh"'):
        found = desk.http.get("/search", params={"q": typed}).json()
        assert [hit["id"] for hit in found["hits"]] == [record_id], typed
        assert found["hits"][0]["snippet"]["marks"], typed
    assert desk.http.get("/search", params={"q": "bai bo cac quy dinh -chinh phu"}).json()["hits"] == []
    assert desk.http.get(f"/records/{record_id}/content").content == pdf


def as_pdf(image: Path) -> bytes:
    """Return a PDF of one page that is the image, as a scanner makes it."""
    out = io.BytesIO()
    with Image.open(image) as page:
        page.convert("RGB").save(out, "PDF", resolution=SCAN_DPI, quality=90)
    return out.getvalue()
