"""Evidence records over HTTP."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.evidence_record import check_evidence_record
from tests.api.problems import assert_problem
from tests.api.service import ApiCaller, Service
from tests.fakes.randomness import CountedRandomness


@pytest.fixture
def stamped(tmp_path: Path, service: Service, record: dict[str, Any]) -> dict[str, Any]:
    authority = LocalAuthority(tmp_path / "tsa", service.archive.clock, CountedRandomness())
    stamp(dataclasses.replace(service.archive, authorities=(authority,)))
    return record


def test_evidence_record_proves_the_original_and_its_entry(
    service: Service, stamped: dict[str, Any], archivist: ApiCaller, auditor: ApiCaller
) -> None:
    answer = archivist.get(f"/api/v1/records/{stamped['id']}/evidence-record?authority=local")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith(f'{stamped["id"]}.ers"')
    events = auditor.get(f"/api/v1/records/{stamped['id']}/events").get_json()["events"]
    content = archivist.get(f"/api/v1/records/{stamped['id']}/content").data
    entry = service.archive.register.read(lambda unit: unit.log.of_record(stamped["id"], -1, 1))[0].entry
    assert check_evidence_record(answer.data, [content, entry]).tokens
    assert events[-1]["values"] == {"part": "evidence-record"}


def test_record_that_is_not_stamped_yet_has_none(record: dict[str, Any], archivist: ApiCaller) -> None:
    answer = archivist.get(f"/api/v1/records/{record['id']}/evidence-record")
    assert_problem(answer, 404, "not-stamped-yet")


def test_record_of_another_office_is_not_found(stamped: dict[str, Any], stranger: ApiCaller) -> None:
    assert_problem(stranger.get(f"/api/v1/records/{stamped['id']}/evidence-record"), 404, "not-found")
