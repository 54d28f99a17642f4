"""What a record's signatures are worth, as the API tells it."""

from __future__ import annotations

from typing import Any

import pytest

from archive_service.model.signatures import SignatureReport
from tests.api.problems import assert_problem
from tests.api.service import ApiCaller, Service, a_pdf
from tests.model.test_signatures import AT, VALID
from tests.recovery.places import SIGNED

CONTENT = a_pdf("signed")


@pytest.fixture
def signed(service: Service, depositor: ApiCaller) -> dict[str, Any]:
    """Deposit a signed result and return the answer."""
    service.pdf.inspections[CONTENT] = SIGNED
    service.pdf.reports[CONTENT] = SignatureReport(AT, (VALID,), validator="pyHanko")
    answer = depositor.deposit(CONTENT)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def test_the_verdict_is_in_the_answer_to_the_deposit_and_in_the_record(
    signed: dict[str, Any], archivist: ApiCaller, depositor: ApiCaller
) -> None:
    assert signed["signatures"] == "valid"
    assert depositor.deposit(CONTENT).get_json()["signatures"] == "valid"
    assert archivist.get(signed["links"]["self"]).get_json()["signatures"] == "valid"


def test_the_report_is_given_as_it_lies_in_the_store(signed: dict[str, Any], archivist: ApiCaller) -> None:
    report = archivist.get(signed["links"]["signatures"]).get_json()
    assert (report["format"], report["record_id"], report["verdict"]) == (1, signed["id"], "valid")
    [signature] = report["signatures"]
    assert signature["indication"] == "TOTAL-PASSED"
    assert signature["sub_indication"] is None
    assert signature["byte_range"] == list(VALID.byte_range)
    assert signature["reasons"][0]["vi"]


def test_a_record_without_a_signature_says_so(record: dict[str, Any], archivist: ApiCaller) -> None:
    assert_problem(archivist.get(record["links"]["signatures"]), 404, "not-signed")


def test_a_report_that_was_changed_in_the_store_is_not_given(
    service: Service, signed: dict[str, Any], archivist: ApiCaller
) -> None:
    service.store.tamper(f"records/{signed['id']}/signatures/1", b"{}")
    assert archivist.get(signed["links"]["signatures"]).status_code == 500
