"""The life of records, told once and lived on every column of real parts: web process, worker, commands and all."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import pytest

from archive_service.bootstrap import SystemClock
from archive_service.errors import Conflict
from archive_service.model.fold import fold
from archive_service.storage.store_url import open_store
from examples.results import ExampleResult, Form, make_results
from tests.journeys.columns import Column
from tests.journeys.conftest import Desk
from tests.journeys.evidence import evidence_convinces_who_trusts_nobody_here
from tests.pdf.signing import How, sign
from tests.running import Outcome, deposit_parts, kill, wait_for

# Recognising a page takes seconds, and other tests use the same two cores.
SEARCHABLE_SECONDS = 90


@pytest.mark.timeout(300)
@pytest.mark.parametrize("column", list(Column))
def test_results_go_in_are_found_and_come_out_proven_unchanged(desk: Desk) -> None:
    born_digital, scanned, unsigned = make_results(7, 3, (Form.BORN_DIGITAL, Form.SCANNED, Form.BORN_DIGITAL))
    signed = dataclasses.replace(unsigned, pdf=sign(unsigned.pdf, How(level="B-T")))
    results = [born_digital, scanned, signed]
    records = {result.name: deposit(desk, result) for result in results}
    deposit_again_is_the_same_answer(desk, born_digital, records[born_digital.name])
    for result in results:
        wait_until_searchable(desk, records[result.name]["id"])
        found_by_name_with_and_without_marks(desk, result, records[result.name])
        found_by_number(desk, result, records[result.name])
    words_were_read(desk, records[born_digital.name], source="layer")
    words_were_read(desk, records[scanned.name], source="ocr")
    signatures_were_seen(desk, records[signed.name])
    subject_page_shows(desk, signed, records[signed.name])
    for result in results:
        bytes_come_out_as_they_went_in(desk, result, records[result.name])
    verified_and_a_tampered_copy_is_not(desk, signed, records[signed.name])
    correct_and_find_the_correction(desk, records[born_digital.name])
    events_tell_the_story(desk, records[born_digital.name])
    acting_document_waits_for_a_person(desk, born_digital)
    everything_is_locked(desk, records[scanned.name])
    rebuild_the_index_and_find_again(desk, born_digital, records[born_digital.name])
    evidence_convinces_who_trusts_nobody_here(desk, records[signed.name]["id"])
    doctor_is_content(desk)
    nothing_acknowledged_is_lost(desk)


def deposit(desk: Desk, result: ExampleResult) -> dict[str, Any]:
    """Hand the result over with the command that people use."""
    pdf, metadata = files_of(desk, result)
    done = command(desk, "deposit", str(pdf), "--metadata", str(metadata))
    assert done.code == 0, done.err
    record: dict[str, Any] = done.json
    assert record["state"] == "stored"
    assert record["is_replay"] is False
    return record


def deposit_again_is_the_same_answer(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    pdf, metadata = files_of(desk, result)
    again = command(desk, "deposit", str(pdf), "--metadata", str(metadata)).json
    assert again["is_replay"] is True
    assert again["id"] == record["id"]


def wait_until_searchable(desk: Desk, record_id: str) -> None:
    def is_searchable() -> bool:
        shown = get(desk, f"/records/{record_id}")
        assert shown["search_state"] != "parked", shown["search_problem"]
        return bool(shown["search_state"] == "searchable")

    wait_for(f"record {record_id} is searchable", is_searchable, SEARCHABLE_SECONDS)


def found_by_name_with_and_without_marks(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    name = result.metadata["subject"]["name"]
    for typed in (f'"{name}"', f'"{fold(name)}"'):
        page = get(desk, "/search", q=typed, office=result.metadata["office"])
        assert record["id"] in ids(page), typed
        (hit,) = [hit for hit in page["hits"] if hit["id"] == record["id"]]
        assert hit["subject_name"] == name
        assert hit["snippet"]["text"]
    found = command(desk, "search", name)
    assert record["id"] in ids(found.json)


def found_by_number(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    number = result.metadata["subject"]["identifiers"][0]["number"]
    code = f"{result.metadata['document_number']}/{result.metadata['document_notation']}"
    for typed in (number, code, result.metadata["dossier_code"], number[:7]):
        assert record["id"] in ids(get(desk, "/search", q=typed)), typed


def words_were_read(desk: Desk, record: Mapping[str, Any], source: str) -> None:
    pages = get(desk, f"/records/{record['id']}/text")["pages"]
    assert {page["source"] for page in pages} == {source}
    assert "bao hiem xa hoi" in fold(" ".join(page["text"] for page in pages))
    if source == "ocr":
        assert all(page["confidence"] > 50 for page in pages)


def signatures_were_seen(desk: Desk, record: Mapping[str, Any]) -> None:
    (first, *_) = get(desk, f"/records/{record['id']}/events")["events"]
    assert first["type"] == "deposited"
    assert first["values"]["signatures"] == 1
    assert first["values"]["pdf"]["signatures"][0]["covers_whole_file"] is True
    assert get(desk, f"/records/{record['id']}/signatures")["verdict"] == "valid"


def subject_page_shows(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    identifier = result.metadata["subject"]["identifiers"][0]
    page = command(desk, "show", identifier["scheme"], identifier["number"]).json
    assert record["id"] in [shown["id"] for shown in page["records"]]
    assert identifier["number"] in [one["number"] for one in page["subject"]["identifiers"]]


def bytes_come_out_as_they_went_in(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    answer = desk.http.get(f"/records/{record['id']}/content")
    assert answer.content == result.pdf
    part = desk.http.get(f"/records/{record['id']}/content", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, result.pdf[5:10])


def verified_and_a_tampered_copy_is_not(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    copy = desk.folder / "copy.pdf"
    fetched = command(desk, "download", record["id"], "-o", str(copy))
    assert fetched.code == 0, fetched.err
    assert copy.read_bytes() == result.pdf
    held = command(desk, "verify", str(copy))
    assert (held.code, held.json["verdict"]) == (0, "held")
    assert [one["id"] for one in held.json["records"]] == [record["id"]]
    tampered = bytearray(result.pdf)
    tampered[len(tampered) // 2] ^= 1
    copy.write_bytes(tampered)
    not_held = command(desk, "verify", str(copy))
    assert (not_held.code, not_held.json["verdict"], not_held.json["records"]) == (3, "not-held", [])


def correct_and_find_the_correction(desk: Desk, record: Mapping[str, Any]) -> None:
    place = f"/records/{record['id']}"
    shown = desk.http.get(place)
    said = {**shown.json()["metadata"], "signer": "Đoàn Thị Ngọc Ẩn"}
    corrected = desk.http.post(
        f"{place}/corrections",
        json={"reason": "Ghi sai người ký", "metadata": said},
        headers={"If-Match": shown.headers["ETag"]},
    )
    assert corrected.status_code == 200, corrected.text
    versions = get(desk, f"{place}/versions")["versions"]
    assert [version["metadata"]["signer"] for version in versions] == [
        shown.json()["metadata"]["signer"],
        said["signer"],
    ]
    wait_for("the correction is found", lambda: record["id"] in ids(get(desk, "/search", q='"doan thi ngoc an"')))


def events_tell_the_story(desk: Desk, record: Mapping[str, Any]) -> None:
    kinds = [event["type"] for event in get(desk, f"/records/{record['id']}/events", limit=500)["events"]]
    assert kinds[0] == "deposited"
    assert {"text-read", "record-read", "content-read", "metadata-corrected"} <= set(kinds)


def acting_document_waits_for_a_person(desk: Desk, result: ExampleResult) -> None:
    acts = with_javascript(result.pdf)
    answer = send(desk, acts, result.metadata, "acts")
    record = answer.json()
    assert (answer.status_code, record["state"]) == (201, "quarantined")
    assert "javascript" in [finding["code"] for finding in record["findings"]]
    assert desk.http.get(f"/records/{record['id']}/content").status_code == 409
    assert record["id"] in [waiting["id"] for waiting in get(desk, "/quarantine")["records"]]
    released = desk.http.post(f"/records/{record['id']}/release", json={"reason": "Đã kiểm tra, an toàn"})
    assert released.json()["state"] == "stored"
    assert desk.http.get(f"/records/{record['id']}/content").content == acts
    wait_until_searchable(desk, record["id"])


def everything_is_locked(desk: Desk, record: Mapping[str, Any]) -> None:
    """Where the store locks, it refuses to delete what is kept, by its own rights."""
    url = desk.service.settings.get("ARCHIVE_STORE_URL")
    if url is None:
        return
    store = open_store(url, lock_mode="governance", clock=SystemClock())
    objects = list(store.list_under(f"records/{record['id']}/"))
    assert {f"records/{record['id']}/{part}" for part in ("original", "metadata/1")} <= {one.key for one in objects}
    for stored in objects:
        locked_until = store.lock_of(stored.key, stored.version)
        assert locked_until is not None
        assert locked_until > SystemClock().now()
        with pytest.raises(Conflict):
            store.delete(stored.key, stored.version)
    assert desk.http.get(f"/records/{record['id']}/content").status_code == 200


def rebuild_the_index_and_find_again(desk: Desk, result: ExampleResult, record: Mapping[str, Any]) -> None:
    done = desk.service.run("reindex", "--json")
    assert done.code == 0, done.err + done.out
    assert done.json["documents"] == 4
    found_by_name_with_and_without_marks(desk, result, record)
    one_office = desk.service.run("reindex", "--office", result.metadata["office"], "--json")
    assert one_office.code == 0, one_office.err + one_office.out


# versitygw lets a held object go once its retention has ended: the doctor must say so, and nothing else.
KNOWN_HOLES = {Column.GATEWAY: {"store lock: delete-while-held"}}


def doctor_is_content(desk: Desk) -> None:
    expected = KNOWN_HOLES.get(desk.column, set())

    def finds_only_what_is_known() -> bool:
        report = desk.service.run("doctor", "--json")
        failed = {check["name"] for check in report.json["checks"] if check["result"] == "failed"}
        assert report.code == (1 if failed else 0)
        return failed == expected

    wait_for("the doctor finds nothing else wrong", finds_only_what_is_known, 60)


def nothing_acknowledged_is_lost(desk: Desk) -> None:
    """Kill the worker in the middle of its work, then everything right after an answer: what was answered is there."""
    more = list(make_results(seed=8, count=4))
    answered = [send(desk, result.pdf, result.metadata, result.name) for result in more[:3]]
    for worker in desk.service.processes("archive_service worker"):
        kill(worker)
    answered.append(send(desk, more[3].pdf, more[3].metadata, more[3].name))
    desk.service.kill()
    desk.service.start()
    for result, answer in zip(more, answered, strict=True):
        assert answer.status_code == 201, answer.text
        replayed = send(desk, result.pdf, result.metadata, result.name)
        assert replayed.headers["Idempotent-Replay"] == "true"
        assert replayed.json()["id"] == answer.json()["id"]
        bytes_come_out_as_they_went_in(desk, result, answer.json())
    for answer in answered:
        wait_until_searchable(desk, answer.json()["id"])


def command(desk: Desk, *arguments: str) -> Outcome:
    return desk.service.run(*arguments, "--json", settings=desk.client_settings())


def files_of(desk: Desk, result: ExampleResult) -> tuple[Path, Path]:
    pdf, metadata = desk.folder / f"{result.name}.pdf", desk.folder / f"{result.name}.json"
    pdf.write_bytes(result.pdf)
    metadata.write_text(json.dumps(result.metadata, ensure_ascii=False), encoding="utf-8")
    return pdf, metadata


def send(desk: Desk, pdf: bytes, metadata: Mapping[str, Any], key: str) -> httpx.Response:
    return desk.http.post("/records", files=deposit_parts(pdf, metadata), headers={"Idempotency-Key": key})


def get(desk: Desk, path: str, **terms: str | int) -> dict[str, Any]:
    answer = desk.http.get(path, params=terms)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(page: Mapping[str, Any]) -> list[str]:
    return [hit["id"] for hit in page["hits"]]


def with_javascript(pdf: bytes) -> bytes:
    """Return the document with a script that runs when it is opened."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()
