"""Sealed copies over HTTP: listed beside the original, downloaded like it, and never in its place."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from archive_service.model.permissions import Role
from tests.api.problems import assert_problem
from tests.api.service import ApiCaller, Service, a_pdf, metadata

UNKNOWN = "/api/v1/records/0177eb15-a400-7000-8000-000000000000"


@pytest.fixture
def sealed(service: Service, depositor: ApiCaller) -> dict[str, Any]:
    """Deposit a digitised result, do the follow-up work, and return the answer to its deposit."""
    answer = depositor.deposit(said=metadata(trust="digitised"))
    assert answer.status_code == 201, answer.text
    service.work_off()
    body: dict[str, Any] = answer.get_json()
    return body


def test_the_copy_is_listed_with_its_digest_lock_and_place(archivist: ApiCaller, sealed: dict[str, Any]) -> None:
    [listed] = archivist.get(sealed["links"]["renditions"]).get_json()["renditions"]
    content = archivist.get(listed["links"]["content"]).data
    assert (listed["kind"], listed["number"], listed["size_bytes"]) == ("sealed", 1, len(content))
    assert listed["sha256"] == hashlib.sha256(content).hexdigest()
    assert listed["sha512"] == hashlib.sha512(content).hexdigest()
    # What lies under a record is locked alike, by what was decided since its deposit.
    assert listed["locked_until"] == archivist.get(sealed["links"]["self"]).get_json()["locked_until"]


def test_the_copy_is_downloaded_whole_and_in_part_under_a_name_of_its_own(
    archivist: ApiCaller, sealed: dict[str, Any]
) -> None:
    place = f"{sealed['links']['renditions']}/sealed"
    whole = archivist.get(place)
    assert whole.content_type == "application/pdf"
    assert f'filename="{sealed["id"]}-sealed.pdf"' in whole.headers["Content-Disposition"]
    assert whole.headers["ETag"] == f'"{hashlib.sha256(whole.data).hexdigest()}"'
    part = archivist.get(place, headers={"Range": "bytes=5-9", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.data) == (206, whole.data[5:10])


def test_what_is_downloaded_without_asking_for_the_copy_is_the_original(
    archivist: ApiCaller, sealed: dict[str, Any]
) -> None:
    assert archivist.get(sealed["links"]["content"]).data == a_pdf()


def test_a_record_without_a_copy_says_so(service: Service, depositor: ApiCaller, archivist: ApiCaller) -> None:
    record = depositor.deposit(said=metadata(trust="born-digital")).get_json()
    service.work_off()
    assert archivist.get(record["links"]["renditions"]).get_json() == {"renditions": []}
    assert_problem(archivist.get(f"{record['links']['renditions']}/sealed"), 404, "no-rendition")


@pytest.mark.parametrize("tail", ["/renditions", "/renditions/sealed"])
def test_copies_of_a_record_that_is_not_there_are_not_found(archivist: ApiCaller, tail: str) -> None:
    assert_problem(archivist.get(UNKNOWN + tail), 404, "not-found")


def test_whoever_may_not_read_the_original_may_not_read_the_copy(service: Service, sealed: dict[str, Any]) -> None:
    place = f"{sealed['links']['renditions']}/sealed"
    assert_problem(service.caller(Role.DEPOSITOR).get(place), 403, "not-allowed")
    assert_problem(service.caller(Role.MANAGER).get(place), 403, "not-allowed")


def test_a_copy_whose_bytes_were_changed_is_an_alarm_and_no_download(
    service: Service, archivist: ApiCaller, sealed: dict[str, Any]
) -> None:
    service.store.tamper(f"records/{sealed['id']}/renditions/sealed/1", b"other bytes")
    assert_problem(archivist.get(f"{sealed['links']['renditions']}/sealed"), 500, "integrity-failure")
