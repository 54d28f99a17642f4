"""A register that is lost is made anew from the store alone, and says what did not come back."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from archive_service.errors import Conflict
from archive_service.evidence.kept_entry import kept_entry_object
from archive_service.lifecycle import rebuild_register as step
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.evidence.give_out import evidence_package
from archive_service.lifecycle.evidence.keep import keep_evidence
from archive_service.lifecycle.evidence.receipts import require_receipt, sign_receipt
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.log.catch_up import catch_up
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.marks import keep_tombstone
from archive_service.lifecycle.rebuild_register import LOSSES, RebuildRequest, Rebuilt, rebuild_register
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.review import reject, release, resolve_finding
from archive_service.model.events import LIFE_EVENTS, SealedEntry
from archive_service.model.identifiers import RecordId, SubjectId
from archive_service.model.objects import Tombstone, metadata_object, original_key
from archive_service.model.permissions import Role
from archive_service.model.record import MetadataVersion, Record, RecordState, SearchState
from archive_service.storage.backup_rows import load_rows, one_load, one_view
from archive_service.storage.digests import digest_of
from archive_service.storage.register.schema import upgrade_schema
from archive_verify.package import Package
from archive_verify.steps import check
from archive_verify.trust import Trust
from archive_verify.verdicts import Verdict
from retention.locks import quarantine_lock_until
from tests.recovery.places import History, Place, live, lose_register
from tests.results import REFERENCE, pdf


def rebuilt(place: Place, *, verify: bool = True) -> Rebuilt:
    lose_register(place)
    upgrade_schema(place.register.engine)
    return rebuild_register(place.archive, RebuildRequest(verify), lambda _passed: None)


def comparable(record: Record) -> Record:
    """Leave out what the losses name: when it was stored, its subject's id, and whether it is indexed."""
    return dataclasses.replace(
        record,
        stored_at=record.received_at,
        changed_at=record.received_at,
        subject_id=SubjectId(""),
        search_state=SearchState.WAITING,
    )


def told(place: Place) -> dict[str, Any]:
    """Return what the register says of each record, in the form that a rebuild must give back."""
    records = place.records()
    return {
        record.id: (
            comparable(record),
            place.register.read(lambda u, r=record: u.records.metadata_versions(r.id)),  # type: ignore[misc]
            place.register.read(lambda u, r=record: u.records.related_to(r.id)),  # type: ignore[misc]
            place.register.read(
                lambda u, r=record: {i.identifier for i in u.subjects.get(r.subject_id).identifiers}  # type: ignore[misc]
            ),
            place.register.read(lambda u, r=record: u.signature_reports.get(r.id)),  # type: ignore[misc]
            place.register.read(
                lambda u, r=record: [(f.finding, f.outcome) for f in u.findings.of_record(r.id)]  # type: ignore[misc]
            ),
        )
        for record in records.values()
    }


def until(place: Place) -> Any:
    return quarantine_lock_until(place.clock.now(), 14)


def test_every_record_comes_back_as_it_was(place: Place) -> None:
    history = live(place, corrections=10)  # version 10 is listed before version 2
    before = told(place)
    result = rebuilt(place)
    assert told(place) == before
    assert place.records()[history.corrected.id].metadata_version == 11
    assert place.records()[history.waiting.id].state is RecordState.QUARANTINED
    assert place.records()[history.released.id].state is RecordState.STORED
    assert place.records()[history.rejected.id].state is RecordState.REJECTED
    assert (result.records, result.versions, result.quarantined, result.rejected) == (7, 17, 1, 1)
    assert (result.problems, result.disposed, result.verified) == (0, 0, True)
    assert place.register.read(lambda u: u.signature_reports.get(history.plain.id)) is not None


def test_records_of_one_person_have_one_subject_again_and_a_merge_is_named_as_lost(place: Place) -> None:
    history = live(place)
    rebuilt(place)
    records = place.records()
    assert records[history.plain.id].subject_id == records[history.replacing.id].subject_id
    assert records[history.plain.id].subject_id != records[history.merged.id].subject_id
    assert any("merges of subjects" in loss.what for loss in LOSSES)


def test_each_record_has_its_rebuilt_event_and_is_found_again_when_its_work_is_done(place: Place) -> None:
    history = live(place)
    rebuilt(place)
    load_reference(place.archive, REFERENCE, "operator")
    [event] = place.register.read(lambda u: u.log.of_record(history.plain.id, -1, 10))
    assert event.event is not None
    assert event.event.type == "rebuilt"
    place.work()
    auditor = place.caller(Role.AUDITOR)
    found = {hit.record.id for hit in find(place.archive, auditor, Search("lương hưu")).hits}
    assert {history.plain.id, history.released.id} <= found
    assert place.register.read(lambda u: u.texts.get(history.plain.id)) is not None
    assert place.register.read(lambda u: u.texts.get(history.waiting.id)) is None, "what is quarantined is not read"


def test_a_register_that_holds_records_is_refused_and_unchanged(place: Place) -> None:
    live(place)
    before = place.records()
    with pytest.raises(Conflict) as refused:
        rebuild_register(place.archive, RebuildRequest(), lambda _passed: None)
    assert refused.value.code == "register-not-empty"
    assert place.records() == before


def test_an_interrupted_rebuild_goes_on_where_it_stopped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    live(place)
    before = told(place)
    monkeypatch.setattr(step, "BATCH", 2)
    lose_register(place)
    upgrade_schema(place.register.engine)

    def stop(passed: int) -> None:
        if passed >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_register(place.archive, RebuildRequest(), stop)
    assert len(place.records()) == 4
    result = rebuild_register(place.archive, RebuildRequest(), lambda _passed: None)
    assert result.records == 3
    assert told(place) == before
    assert place.register.read(lambda u: u.log.size()) == 7


def test_what_was_disposed_of_stays_gone(place: Place) -> None:
    history = live(place)
    tombstone = Tombstone(history.plain.id, place.clock.now(), "hết thời hạn")
    keep_tombstone(place.archive.store, tombstone, until(place))
    result = rebuilt(place)
    assert result.disposed == 1
    assert history.plain.id not in place.records()
    assert len(place.records()) == 6


def test_an_original_without_description_is_told_and_no_record(place: Place) -> None:
    live(place)
    content, record_id = pdf("cut off"), RecordId("01a20607-2020-71b3-8894-decee1db1dee")
    place.archive.store.put(f"records/{record_id}/original", content, digest_of(content), until(place))
    result = rebuilt(place)
    assert [(p.code, p.record_id) for p in result.listed] == [("never-finished", record_id)]
    assert len(place.records()) == 7


@pytest.mark.parametrize("verify", [False, True])
def test_bytes_that_are_not_those_described_are_an_alarm_when_they_are_read(place: Place, verify: bool) -> None:
    """Only a rebuild that reads the bytes can tell; one that does not must not say that it did."""
    live(place)
    wrong, right = pdf("wrong"), pdf("right")
    record_id = RecordId("01a20607-2020-71b3-8894-decee1db1dee")
    some = next(iter(place.records().values()))
    version = MetadataVersion(record_id, 1, some.metadata, bytes(32), "", "key:test", "deposit", some.received_at)
    described = metadata_object(version, digest_of(right), 1)
    place.archive.store.put(described.key, described.body, described.digest, until(place))
    place.archive.store.put(original_key(record_id), wrong, digest_of(wrong), until(place))
    result = rebuilt(place, verify=verify)
    assert result.verified == verify
    assert [p.code for p in result.listed] == (["mismatch"] if verify else [])


def test_a_decision_that_the_register_never_heard_of_is_finished_by_the_next_one(place: Place) -> None:
    """Killed between the mark and the register: the store and the register must not part for ever."""
    history = live(place)
    archivist = place.caller(Role.ARCHIVIST)
    write = place.register.write
    try:
        place.register.write = None  # type: ignore[method-assign,assignment]  # dies when the register should follow
        with pytest.raises(TypeError):
            release(place.archive, archivist, history.waiting.id, "lần một")
    finally:
        place.register.write = write  # type: ignore[method-assign]
    assert place.records()[history.waiting.id].state is RecordState.QUARANTINED
    with pytest.raises(Conflict):
        reject(place.archive, archivist, history.waiting.id, "lần hai")
    assert place.records()[history.waiting.id].state is RecordState.STORED
    before = told(place)
    rebuilt(place)
    assert told(place) == before


class TestARegisterOlderThanTheStore:
    """Restored from yesterday's backup, while the store has everything since."""

    def snapshot(self, place: Place) -> dict[str, list[bytes]]:
        with one_view(place.register.engine) as view:
            return {table: list(view.lines(table)) for table in view.tables}

    def go_back(self, place: Place, rows: dict[str, list[bytes]]) -> None:
        lose_register(place)
        upgrade_schema(place.register.engine)
        with one_load(place.register.engine) as connection:
            for table, lines in rows.items():
                load_rows(connection, table, iter(lines))

    def test_gets_everything_answered_since_and_keeps_what_it_has(self, place: Place) -> None:
        history = live(place)
        yesterday = self.snapshot(place)
        log = place.register.read(lambda u: u.log.size())
        archivist = place.caller(Role.ARCHIVIST)
        release(place.archive, archivist, history.waiting.id, "đã xem")
        said = dataclasses.replace(history.plain.metadata, signer="Trần Thị B")
        correct(place.archive, Correction(archivist, history.plain.id, said, "ghi sai", history.plain.etag))
        place.deposit(50)
        before = told(place)
        self.go_back(place, yesterday)
        result = rebuild_register(place.archive, RebuildRequest(verify=True, adopt=True), lambda _passed: None)
        assert (result.records, result.advanced, result.problems) == (1, 2, 0)
        assert told(place) == before
        assert place.register.read(lambda u: u.log.size()) == log + 3, "what it had of the log stays"
        again = rebuild_register(place.archive, RebuildRequest(adopt=True), lambda _passed: None)
        assert (again.records, again.advanced) == (0, 0)

    def test_leaves_a_deposit_under_way_to_its_depositor(self, place: Place) -> None:
        live(place)
        write, calls = place.register.write, []

        def dying(work: Any) -> Any:
            calls.append(work)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return write(work)

        place.register.write = dying  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            place.deposit(50)
        place.register.write = write  # type: ignore[method-assign]
        result = rebuild_register(place.archive, RebuildRequest(adopt=True), lambda _passed: None)
        assert (result.records, result.advanced) == (0, 0)
        place.deposit(50)
        assert len(place.records()) == 8


class TestWhatProvesARecord:
    """Kept beside the originals, it comes back into a register that was lost with every backup of it."""

    def lived(self, place: Place) -> History:
        history = live(place)
        seal_log(place.archive)
        keep_evidence(place.archive)
        return history

    def lose_and_catch_up(self, place: Place) -> None:
        lose_register(place)
        upgrade_schema(place.register.engine)
        catch_up(place.archive)

    def rebuilt(self, place: Place, *, adopt: bool = False) -> Rebuilt:
        return rebuild_register(place.archive, RebuildRequest(adopt=adopt), lambda _passed: None)

    def proofs(self, place: Place) -> dict[RecordId, tuple[str, list[SealedEntry]]]:
        """Return each record's receipt, and every entry of its life with what it commits to."""
        found = {}
        for record_id in place.records():
            signed = place.register.read(
                lambda unit, r=record_id: sign_receipt(place.archive, require_receipt(unit, r))  # type: ignore[misc]
            )
            entries = place.register.read(lambda unit, r=record_id: unit.log.of_record(r, -1, 100))  # type: ignore[misc]
            life = [
                place.register.read(lambda unit, i=one.index: unit.log.sealed(i, 1))[0]  # type: ignore[misc]
                for one in entries
                if one.event is not None and one.event.type in LIFE_EVENTS
            ]
            found[record_id] = (signed, life)
        return found

    def test_every_receipt_and_life_is_as_it_was(self, place: Place) -> None:
        self.lived(place)
        before = self.proofs(place)
        self.lose_and_catch_up(place)
        result = self.rebuilt(place)
        assert self.proofs(place) == before
        assert result.payloads == sum(len(life) for _, life in before.values())
        assert (result.records, result.problems) == (7, 0)

    def test_a_package_can_be_made_again(self, place: Place) -> None:
        history = self.lived(place)
        self.lose_and_catch_up(place)
        self.rebuilt(place)
        load_reference(place.archive, REFERENCE, "operator")
        seal_log(place.archive)
        trusting = Trust(place.clock.now() + dt.timedelta(hours=1), place.archive.signer.verifier_keys)
        with evidence_package(place.archive, place.caller(Role.AUDITOR), history.corrected.id) as package:
            found = [findings.verdict for _, findings in check(Package(b"".join(package.blocks())), trusting)]
        assert found[:5] == [Verdict.PASS] * 5
        assert found[6] is Verdict.PASS

    def test_what_the_entries_do_not_commit_to_is_a_problem_and_never_comes_back(self, place: Place) -> None:
        history = live(place)
        seal_log(place.archive)
        index = place.register.read(lambda unit: unit.log.of_record(history.plain.id, -1, 1))[0].index
        [sealed] = place.register.read(lambda unit: unit.log.sealed(index, 1))
        assert sealed.payload is not None
        forged = dataclasses.replace(sealed, payload=sealed.payload.replace(b"key:test", b"key:evil"))
        body = kept_entry_object(history.plain.id, place.archive.signer.origin, forged)
        place.archive.store.put(body.key, body.body, body.digest, until(place))
        assert keep_evidence(place.archive).differing == (body.key,)
        self.lose_and_catch_up(place)
        result = self.rebuilt(place)
        assert [(one.code, one.record_id) for one in result.listed] == [("evidence-not-readable", history.plain.id)]
        assert history.plain.id in place.records()
        assert place.register.read(lambda unit: unit.log.without_payload([index])) == {index}

    def test_a_register_from_an_older_backup_gets_those_of_the_entries_it_lacked(self, place: Place) -> None:
        history = self.lived(place)
        older = TestARegisterOlderThanTheStore()
        yesterday = older.snapshot(place)
        place.deposit(50)
        finding = place.register.read(lambda unit: unit.findings.of_record(history.released.id))[0]
        resolve_finding(place.archive, place.caller(Role.ARCHIVIST), finding.id, "đã xem")  # nothing else tells of it
        seal_log(place.archive)
        assert keep_evidence(place.archive).entries == 2
        before = self.proofs(place)
        older.go_back(place, yesterday)
        catch_up(place.archive)
        result = self.rebuilt(place, adopt=True)
        assert (result.records, result.payloads) == (1, 2)
        assert self.proofs(place) == before
