"""An audit tells what is missing, changed, unlocked, not found or not as it was signed, and keeps its report."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from archive_service.errors import Conflict
from archive_service.evidence.tree import Tree, append
from archive_service.lifecycle.audit.run import AuditRequest, audit, report_of
from archive_service.lifecycle.audit.schedule import audit_when_due
from archive_service.lifecycle.deposit import Deposited
from archive_service.lifecycle.log.published import published_entries, read_published
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.audits import AuditFinding, AuditOutcome, AuditPhase, AuditRun, AuditScope
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.objects import original_key
from archive_service.model.ports import SearchIndex
from archive_service.model.record import DocumentText, PageText, Record, TextSource, Trust
from archive_service.model.units.log import SignedCheckpoint
from archive_service.storage.register.api_keys import SqlProgress
from archive_service.storage.register.event_times import EventTimes
from archive_verify.merkle import leaf_hash, root_of
from archive_verify.notes import Note, parse_note, signers
from archive_verify.proof import LogProof, parse_proof, require_logged
from retention.decide import RetentionState
from tests.archives import TestArchive, open_test_archive
from tests.fakes.faults import Killed
from tests.fakes.log_signer import ORIGIN, signer
from tests.fakes.memory_store import MemoryStore
from tests.results import digest, pdf

WHOLE = AuditRequest(verify=True)
KEYS = signer().verifier_keys


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TestArchive]:
    """Give an archive whose store, index and log a test may damage."""
    with open_test_archive(tmp_path) as opened:
        yield opened


def counts(run: AuditRun) -> dict[str, int]:
    return {str(outcome): count for outcome, count in run.counts.items()}


def only(run: AuditRun) -> AuditFinding:
    [finding] = run.listed
    return finding


def sign_tree(ours: TestArchive) -> SignedCheckpoint:
    """Let the tree of all entries be one that was signed."""
    entries = ours.register.read(lambda unit: unit.log.sealed(0, 10_000))
    root = root_of(leaf_hash(one.entry) for one in entries)
    signed = SignedCheckpoint(len(entries), root, "a note", ours.clock.now())
    ours.register.write(lambda unit: unit.tree.add_checkpoint(signed))
    return signed


def flip(store: MemoryStore, key: str) -> None:
    """Change one bit of an object."""
    [version] = [one.version for one in store.list_under(key)]
    with store.read(key, version) as blocks:
        content = b"".join(blocks)
    store.tamper(key, content[:-1] + bytes([content[-1] ^ 1]))


def receipted(ours: TestArchive, done: Deposited) -> str:
    """Return the entry that the depositor holds in a receipt, once it is proven as an auditor does, by the store alone.

    Neither the register nor the index is asked: the checkpoint and the entries under it are those that are locked.
    """
    receipt = parse_note(str(done.receipt).encode())
    assert signers(receipt, KEYS), "the receipt is signed by the log's key"
    taken = base64.b64decode(json.loads(receipt.text.split("\n")[1])["entry"])
    published = list(published_entries(ours.store, ORIGIN, 0))
    tiles = Tiles(append(Tiles({}), 0, [leaf_hash(one) for one in published]))
    index = published.index(taken)
    note, _ = read_published(ours.store, ORIGIN, len(published))
    proof = LogProof(index, tuple(Tree(tiles, len(published)).inclusion_proof(index)), note.data)
    require_logged(taken, parse_proof(proof.data), KEYS)
    return taken.decode()


class Tiles(dict[tuple[int, int], bytes]):
    """A tree's tiles, made anew from published entries."""

    def hashes(self, level: int, tile: int) -> bytes:
        """See HashTiles."""
        return self.get((level, tile), b"")


def second_store(ours: TestArchive) -> tuple[TestArchive, MemoryStore]:
    """Return the archive with a second store that holds everything the first one does."""
    second = MemoryStore(ours.clock)
    for key in ours.objects():
        content = ours.content_of(key)
        second.put(key, content, digest(content), ours.clock.now() + dt.timedelta(days=1))
    return dataclasses.replace(ours, archive=dataclasses.replace(ours.archive, second_store=second)), second


class TestTheReport:
    def test_is_kept_in_the_store_and_its_digest_is_an_event(self, ours: TestArchive) -> None:
        ours.stored()
        ours.work()
        run = audit(ours.archive, WHOLE)
        assert counts(run) == {"intact": 1}
        kept = ours.content_of(f"audits/{run.id}/report.json")
        assert digest(kept).sha256 == run.report_sha256
        [event] = ours.events(EventType.AUDITED)
        assert event.values["report_sha256"] == run.report_sha256
        assert event.values["counts"] == {"intact": 1}

    def test_says_what_was_looked_at_and_what_the_log_was(self, ours: TestArchive) -> None:
        ours.stored()
        size = ours.register.read(lambda unit: unit.log.size())
        run = audit(ours.archive, AuditRequest(scope=AuditScope(share=0.5, seed="s")))
        said = json.loads(report_of(run).body)
        assert said["log"] == {"size": size, "root": run.log_root}
        assert said["scope"] == {
            "offices": None,
            "received_from": None,
            "received_to": None,
            "share": 0.5,
            "seed": "s",
        }
        assert (said["alarm"], said["verified"]) == (False, False)

    def test_names_each_finding(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.store.lose(record.original.key)
        run = audit(ours.archive, WHOLE)
        [found] = json.loads(report_of(run).body)["findings"]
        assert (found["outcome"], found["record_id"], found["key"]) == ("missing", record.id, record.original.key)
        assert run.alarm


class TestTheLog:
    def test_is_recomputed_against_every_tree_that_was_signed(self, ours: TestArchive) -> None:
        first = sign_tree(ours)
        ours.stored()
        second = sign_tree(ours)
        run = audit(ours.archive, AuditRequest())
        assert (run.log_size, run.log_root) == (second.size, second.root.hex())
        assert first.size < second.size
        assert not run.alarm

    def test_an_entry_that_was_rewritten_is_told_by_tree_and_by_commitment(self, ours: TestArchive) -> None:
        record = ours.stored()
        sign_tree(ours)
        ours.stored(2)
        other = '(SELECT entry FROM log_entries ORDER BY "index" DESC LIMIT 1)'
        ours.change_as_owner(f"UPDATE log_entries SET entry = {other} WHERE record_id = :id", id=record.id)
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        said = " ".join(one.explanation for one in run.listed if one.outcome is AuditOutcome.LOG_BROKEN)
        assert "are not those whose tree was signed" in said
        assert "commits to another payload" in said

    def test_a_payload_that_was_rewritten_is_told(self, ours: TestArchive) -> None:
        ours.stored()
        ours.change_as_owner('UPDATE log_payloads SET payload = :payload WHERE "index" = 0', payload=b"{}")
        assert "entry 0 commits to another payload" in only(audit(ours.archive, AuditRequest())).explanation

    def test_a_payload_that_is_gone_without_a_reason_is_an_alarm(self, ours: TestArchive) -> None:
        ours.stored()
        ours.change_as_owner('DELETE FROM log_payloads WHERE "index" > 0')
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        assert only(run).outcome is AuditOutcome.PAYLOAD_MISSING
        assert "neither a disposal nor a loss was recorded" in only(run).explanation

    def test_payloads_that_were_lost_with_an_older_register_are_nothing_wrong(self, ours: TestArchive) -> None:
        ours.stored()
        size = ours.register.read(lambda unit: unit.log.size())
        ours.change_as_owner('DELETE FROM log_payloads WHERE "index" > 0')
        caught_up = Event(EventType.LOG_CAUGHT_UP, "operator", ours.clock.now(), None, {"from": 1, "to": size})
        ours.register.write(lambda unit: unit.log.append(caught_up))
        assert not audit(ours.archive, AuditRequest()).alarm

    def test_a_tree_in_the_locked_store_convicts_a_register_that_was_rewritten_with_its_checkpoints(
        self, ours: TestArchive
    ) -> None:
        ours.stored()
        seal_log(ours.archive)
        ours.change_as_owner("DELETE FROM log_checkpoints")
        last = '(SELECT max("index") FROM log_entries)'
        older = "CAST(replace(CAST(entry AS TEXT), '2026', '2025') AS BLOB)"
        ours.change_as_owner(f'UPDATE log_entries SET entry = {older} WHERE "index" = {last}')
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        assert any("are not those whose tree was signed" in one.explanation for one in run.listed)

    def test_a_checkpoint_in_the_store_that_none_of_its_keys_signed_is_told(self, ours: TestArchive) -> None:
        ours.stored()
        seal_log(ours.archive)
        [key] = [key for key in ours.objects("log/") if "/checkpoints/" in key]
        text = parse_note(ours.content_of(key)).text
        ours.store.tamper(key, Note(text, signer(7).sign_text(text).signatures).data)
        run = audit(ours.archive, AuditRequest())
        assert "is not signed by a key of the log" in only(run).explanation

    @pytest.mark.parametrize("index", [0, 1, -1])
    def test_an_entry_that_is_gone_is_told(self, ours: TestArchive, index: int) -> None:
        ours.stored()
        size = ours.register.read(lambda unit: unit.log.size())
        ours.change_as_owner('DELETE FROM log_entries WHERE "index" = :index', index=index % size)
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        assert counts(run)["log-broken"] >= 1

    def test_a_log_behind_what_was_signed_is_told(self, ours: TestArchive) -> None:
        signed = sign_tree(ours)
        ahead = dataclasses.replace(signed, size=signed.size + 1000)
        ours.register.write(lambda unit: unit.tree.add_checkpoint(ahead))
        said = [one.explanation for one in audit(ours.archive, AuditRequest()).listed]
        assert said == [f"a tree of {ahead.size} entries was signed and the log does not reach so far"]

    def test_is_read_in_pages(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(5):
            ours.stored(number)
        signed = sign_tree(ours)
        monkeypatch.setattr("archive_service.lifecycle.audit.log._AT_ONCE", 3)
        passed: list[int] = []
        run = audit(ours.archive, AuditRequest(report=passed.append))
        assert run.log_root == signed.root.hex()
        assert passed[:2] == [3, 6]


class TestTheScope:
    def test_is_an_office_with_those_under_it(self, ours: TestArchive) -> None:
        ours.stored(1)
        elsewhere = OfficeCode("BHXH-01")
        assert counts(audit(ours.archive, AuditRequest(scope=AuditScope(offices=frozenset({elsewhere}))))) == {}
        here = ours.register.read(lambda unit: unit.reference.subtree(OfficeCode("BHXH")))
        assert counts(audit(ours.archive, AuditRequest(scope=AuditScope(offices=here)))) == {"intact": 1}

    def test_is_the_days_of_receipt(self, ours: TestArchive) -> None:
        for number in range(3):
            ours.stored(number)
            ours.clock.forward(dt.timedelta(days=1))
        today = ours.clock.now().date()
        yesterday, before = today - dt.timedelta(days=1), today - dt.timedelta(days=2)

        def found(first: dt.date | None, last: dt.date | None) -> int:
            return sum(audit(ours.archive, AuditRequest(scope=AuditScope(None, first, last))).counts.values())

        assert (found(yesterday, None), found(None, yesterday), found(before, before), found(today, None)) == (
            1,
            3,
            1,
            0,
        )

    def test_a_sample_is_drawn_again_by_its_seed(self, ours: TestArchive) -> None:
        ids = [ours.stored(number).id for number in range(40)]
        run = audit(ours.archive, AuditRequest(scope=AuditScope(share=0.5)))
        assert run.scope.seed
        drawn = sum(run.counts.values())
        assert 8 <= drawn <= 32
        again = audit(ours.archive, AuditRequest(scope=AuditScope(share=0.5, seed=run.scope.seed)))
        assert again.counts == run.counts
        chosen = {one for one in ids if run.scope.draws(one)}
        assert len(chosen) == drawn
        other = AuditScope(share=0.5, seed="another")
        assert chosen != {one for one in ids if other.draws(one)}

    def test_a_larger_sample_of_one_seed_holds_the_smaller_one(self, ours: TestArchive) -> None:
        ids = [ours.stored(number).id for number in range(40)]
        small, large = AuditScope(share=0.2, seed="s"), AuditScope(share=0.6, seed="s")
        assert {one for one in ids if small.draws(one)} <= {one for one in ids if large.draws(one)}

    def test_damage_within_it_is_found(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.store.tamper(record.original.key, pdf("other bytes"))
        scope = AuditScope(offices=frozenset({record.metadata.office}))
        assert counts(audit(ours.archive, AuditRequest(scope=scope, verify=True))) == {"mismatch": 1}


class TestLocks:
    def test_that_end_sooner_than_recorded_are_drift_and_no_alarm(self, ours: TestArchive) -> None:
        record = ours.stored()
        later = dataclasses.replace(record.original, locked_until=ours.clock.now() + dt.timedelta(days=400))
        ours.register.write(lambda unit: unit.records.set_lock(record.id, later))
        run = audit(ours.archive, WHOLE)
        assert only(run).outcome is AuditOutcome.DRIFT
        assert "the store locks it until" in only(run).explanation
        assert not run.alarm

    def test_of_another_mode_are_drift(self, ours: TestArchive) -> None:
        ours.stored()
        ours.store.mode = "compliance"
        assert "locked in mode compliance" in only(audit(ours.archive, WHOLE)).explanation

    def test_are_asked_for_only_when_bytes_are_read(self, ours: TestArchive) -> None:
        ours.stored()
        ours.store.mode = "compliance"
        ours.work()
        assert counts(audit(ours.archive, AuditRequest())) == {"intact": 1}

    def test_that_end_before_the_retention_are_drift(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.work()
        [standing] = ours.register.read(lambda unit: unit.standings.get_many([record.id])).values()
        due = dataclasses.replace(standing, due_on=dt.date(2099, 1, 1), standing=RetentionState.RUNNING)
        ours.register.write(lambda unit: unit.standings.put([due]))
        run = audit(ours.archive, WHOLE)
        assert "its retention lasts until 2098-12-31T17:00" in only(run).explanation
        assert only(run).outcome is AuditOutcome.DRIFT

    @pytest.mark.parametrize("held", [True, False])
    def test_a_hold_that_store_and_register_see_otherwise_is_drift(self, ours: TestArchive, held: bool) -> None:
        record = ours.stored()
        ours.work()
        if held:
            [standing] = ours.register.read(lambda unit: unit.standings.get_many([record.id])).values()
            ours.register.write(lambda unit: unit.standings.put([dataclasses.replace(standing, held=True)]))
        else:
            ours.store.set_hold(record.original.key, record.original.version, True)
        run = audit(ours.archive, WHOLE)
        assert only(run).outcome is AuditOutcome.DRIFT
        assert ("the store does not hold it" if held else "the store holds it") in only(run).explanation


class TestTheIndex:
    def test_a_record_that_it_lacks_is_told(self, ours: TestArchive) -> None:
        record, other = ours.stored(1), ours.stored(2)
        ours.work()
        ours.archive.index.remove([record.id])
        run = audit(ours.archive, AuditRequest())
        assert (only(run).outcome, only(run).record_id) == (AuditOutcome.NOT_INDEXED, record.id)
        assert not run.alarm
        assert counts(run) == {"intact": 2, "not-indexed": 1}
        assert other.id > record.id

    def test_a_document_of_no_record_is_told(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.work()
        ours.change_as_owner("UPDATE records SET search_state = 'waiting'")
        run = audit(ours.archive, AuditRequest())
        assert (only(run).outcome, only(run).record_id) == (AuditOutcome.INDEXED_GONE, record.id)

    def test_what_changed_since_it_was_listed_is_not_told(self, ours: TestArchive) -> None:
        ours.stored()
        ours.work()

        def listed_too_late() -> Iterator[RecordId]:
            yield from ()
            ours.change_as_owner("UPDATE records SET search_state = 'waiting'")

        index = SimpleNamespace(record_ids=listed_too_late)
        changing = dataclasses.replace(ours.archive, index=cast(SearchIndex, index))
        assert counts(audit(changing, AuditRequest())) == {"intact": 1}


class TestRepair:
    def damaged(self, ours: TestArchive, how: str) -> Record:
        record = ours.stored()
        ours.work()
        if how == "missing":
            ours.store.lose(original_key(record.id))
        else:
            flip(ours.store, original_key(record.id))
        return record

    @pytest.mark.parametrize("how", ["missing", "mismatch"])
    def test_puts_the_bytes_recorded_back_and_says_so(self, ours: TestArchive, how: str) -> None:
        record = self.damaged(ours, how)
        good = pdf("document 1")
        mending, second = second_store(ours)
        until = ours.clock.now() + dt.timedelta(days=1)
        if how == "mismatch":
            second.lose(original_key(record.id))
        second.put(original_key(record.id), good, digest(good), until)
        run = audit(mending.archive, AuditRequest(verify=True, repair=True))
        assert counts(run) == {"repaired": 1}
        assert not run.alarm
        assert ours.content_of(original_key(record.id)) == good
        [event] = ours.events(EventType.OBJECT_REPAIRED)
        assert event.values["sha256"] == digest(good).sha256
        assert counts(audit(mending.archive, WHOLE)) == {"intact": 1}

    def test_never_takes_bytes_that_are_not_those_recorded(self, ours: TestArchive) -> None:
        self.damaged(ours, "mismatch")
        mending, _ = second_store(ours)
        run = audit(mending.archive, AuditRequest(verify=True, repair=True))
        assert counts(run) == {"mismatch": 1}
        assert "the second store has other bytes too" in only(run).explanation
        assert run.alarm

    def test_says_that_the_second_store_has_nothing(self, ours: TestArchive) -> None:
        self.damaged(ours, "missing")
        mending, _ = second_store(ours)
        found = only(audit(mending.archive, AuditRequest(verify=True, repair=True)))
        assert "the second store does not have it" in found.explanation

    def test_a_second_store_that_is_down_leaves_the_alarm(self, ours: TestArchive) -> None:
        self.damaged(ours, "missing")
        mending, second = second_store(ours)
        second.down = True
        assert counts(audit(mending.archive, AuditRequest(verify=True, repair=True))) == {"missing": 1}

    def test_happens_only_when_asked(self, ours: TestArchive) -> None:
        self.damaged(ours, "missing")
        mending, _ = second_store(ours)
        assert counts(audit(mending.archive, WHOLE)) == {"missing": 1}


class TestARunThatWasCutOff:
    def test_goes_on_where_it_stood(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(6):
            ours.stored(number)
        ours.work()
        monkeypatch.setattr("archive_service.lifecycle.audit.run._SAVED_EVERY", 1)
        monkeypatch.setattr("archive_service.lifecycle.audit.records._AT_ONCE", 2)
        passed: list[int] = []

        def stop_after_four(count: int) -> None:
            passed.append(count)
            if count == 4 and len(passed) > 1:
                raise Killed

        with pytest.raises(Killed):
            audit(ours.archive, AuditRequest(verify=True, report=stop_after_four))
        unfinished = ours.register.read(lambda unit: unit.audits.unfinished())
        assert unfinished is not None
        assert unfinished.phase is AuditPhase.RECORDS
        resumed = audit(ours.archive, AuditRequest(resume=True))
        assert resumed.id == unfinished.id
        assert resumed.verify, "with what the run was asked, not what the resuming one is"
        assert counts(resumed) == {"intact": 6}
        assert ours.register.read(lambda unit: unit.audits.unfinished()) is None
        last = ours.register.read(lambda unit: unit.audits.last_ended())
        assert last == resumed

    def test_is_begun_anew_unless_asked_to_go_on(self, ours: TestArchive) -> None:
        first, second = audit(ours.archive, AuditRequest()), audit(ours.archive, AuditRequest(resume=True))
        assert first.id != second.id, "there was nothing to go on with"

    def test_killed_at_the_end_keeps_one_report(self, ours: TestArchive) -> None:
        run = audit(ours.archive, AuditRequest())
        half = dataclasses.replace(run, report_sha256=None)
        ours.change_as_owner("UPDATE audit_runs SET ended_at = NULL, report_sha256 = NULL")
        unended = dataclasses.replace(half, ended_at=None)
        assert ours.register.read(lambda unit: unit.audits.unfinished()) == unended


def test_the_bytes_that_are_read_are_told_before_they_are(ours: TestArchive) -> None:
    record = ours.stored()
    told: list[int] = []
    audit(ours.archive, AuditRequest(verify=True, pace=told.append))
    assert record.content.size_bytes in told
    assert len(told) == 2, "the original and its description"


class TestDepositsThatTheLogTellsOf:
    def taken_away(self, ours: TestArchive) -> Deposited:
        """Take a record, its claim and its objects away together, after all that is done with it was done."""
        done = ours.deposit()
        ours.work()
        seal_log(ours.archive)
        for key in ours.objects(f"records/{done.record.id}/"):
            ours.store.lose(key)
        ours.change_as_owner("DELETE FROM records")
        ours.change_as_owner("DELETE FROM reservations")
        return done

    def test_and_the_register_lacks_are_told_by_the_log_the_index_and_the_receipt(self, ours: TestArchive) -> None:
        """Three that do not ask each other."""
        done = self.taken_away(ours)
        run = audit(ours.archive, AuditRequest())
        by_log, by_index = run.listed
        assert (by_log.outcome, by_log.record_id) == (AuditOutcome.LOST, done.record.id)
        assert "the log tells of its deposit" in by_log.explanation
        assert (by_index.outcome, by_index.record_id) == (AuditOutcome.INDEXED_GONE, done.record.id)
        assert run.alarm
        assert done.record.id in receipted(ours, done)

    def test_and_the_index_lacks_too_are_told_by_the_log_and_the_receipt(self, ours: TestArchive) -> None:
        done = self.taken_away(ours)
        ours.archive.index.remove([done.record.id])
        run = audit(ours.archive, AuditRequest())
        assert (only(run).outcome, only(run).record_id) == (AuditOutcome.LOST, done.record.id)
        assert done.record.id in receipted(ours, done)

    def test_cannot_be_taken_out_of_the_log_too(self, ours: TestArchive) -> None:
        record = ours.stored()
        sign_tree(ours)
        ours.change_as_owner("DELETE FROM records")
        ours.change_as_owner("DELETE FROM reservations")
        ours.change_as_owner("DELETE FROM log_entries WHERE record_id = :id", id=record.id)
        assert counts(audit(ours.archive, AuditRequest()))["log-broken"] >= 1

    def test_an_entry_that_states_an_earlier_time_than_those_before_it_was_put_in_later(
        self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(EventTimes, "require", lambda *_: None)  # an intruder writes past the guard
        ours.stored(1)
        ours.clock.forward(-dt.timedelta(days=1))
        ours.stored(2)
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        assert "although one before it is of" in run.listed[0].explanation


class TestWhatTheLogCommittedTo:
    """Whoever runs register and store can change both together; the log convicts him."""

    def test_original_and_digests_replaced_together_are_told(self, ours: TestArchive) -> None:
        record = ours.stored()
        other = pdf("document 9")
        ours.store.tamper(record.original.key, other)
        said = digest(other)
        ours.change_as_owner(
            "UPDATE records SET sha256 = :a, sha512 = :b, stored_sha256 = :a, stored_sha512 = :b, "
            "size_bytes = :size, stored_size_bytes = :size",
            a=said.sha256,
            b=said.sha512,
            size=said.size_bytes,
        )
        run = audit(ours.archive, WHOLE)
        assert run.alarm
        assert any("other digests for its original than the log committed to" in one.explanation for one in run.listed)

    def test_a_description_rewritten_in_register_and_store_is_told(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.change_as_owner("UPDATE metadata_versions SET metadata = replace(metadata, 'Đà Nẵng', 'Hà Nội')")
        ours.change_as_owner("UPDATE metadata_versions SET metadata = replace(metadata, '\"vi\"', '\"en\"')")
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        assert any(
            "version 1 of its description is not the one that the log committed to" in one.explanation
            for one in run.listed
            if one.record_id == record.id
        )

    def test_a_sealed_copy_whose_row_was_changed_is_told(self, ours: TestArchive) -> None:
        ours.pdf.text = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 91.0, bytes(20)),))
        ours.stored(trust=Trust.DIGITISED)
        ours.work()
        assert not audit(ours.archive, AuditRequest()).alarm
        ours.change_as_owner("UPDATE renditions SET sha512 = :other", other="0" * 128)
        run = audit(ours.archive, AuditRequest())
        assert any("copy 1 is not the one that the log committed to" in one.explanation for one in run.listed)

    def test_a_record_that_is_merely_called_disposed_of_is_lost(self, ours: TestArchive) -> None:
        record = ours.stored()
        for key in ours.objects(f"records/{record.id}/"):
            ours.store.lose(key)
        ours.change_as_owner("UPDATE records SET state = 'disposed'")
        run = audit(ours.archive, AuditRequest())
        assert run.alarm
        assert {one.outcome for one in run.listed} == {AuditOutcome.LOST}
        told = " ".join(one.explanation for one in run.listed)
        assert "the log knows of no disposal" in told
        assert "the store has no tombstone of it" in told


def test_two_audits_do_not_run_at_once(ours: TestArchive) -> None:
    ours.stored()

    def second(_passed: int) -> None:
        with pytest.raises(Conflict) as told:
            audit(ours.archive, AuditRequest())
        assert told.value.code == "audit-running"

    audit(ours.archive, AuditRequest(report=second))
    audit(ours.archive, AuditRequest())


class TestThePrintedReport:
    def test_is_sealed_and_kept_beside_the_report_which_it_names(self, ours: TestArchive) -> None:
        ours.stored()
        run = audit(ours.archive, WHOLE)
        [paper] = ours.sealer.papers
        assert paper.number == run.id
        assert ("Báo cáo gốc · Report", f"SHA-256 {run.report_sha256}") in paper.facts
        kept = ours.content_of(f"audits/{run.id}/report.pdf")
        [event] = ours.events(EventType.AUDITED)
        assert event.values["printed_sha256"] == digest(kept).sha256

    def test_lists_what_was_found(self, ours: TestArchive) -> None:
        record = ours.stored()
        ours.store.lose(record.original.key)
        audit(ours.archive, WHOLE)
        [paper] = ours.sealer.papers
        assert ("Kết luận · Verdict", "CÓ BÁO ĐỘNG · ALARM") in paper.facts
        results, findings = paper.tables
        meaning = "sổ đăng ký có, kho không có · the register knows it, the store does not have it"
        assert results.rows == (("missing", "1", meaning),)
        assert findings.rows[0][:2] == ("missing", record.original.key)

    @pytest.mark.parametrize(
        ("scope", "said"),
        [
            (AuditScope(), "toàn bộ · everything"),
            (AuditScope(frozenset({OfficeCode("BHXH-01")})), "cơ quan · offices: BHXH-01"),
            (AuditScope(None, dt.date(2026, 1, 2)), "tiếp nhận · received: 02/01/2026 – …"),
            (AuditScope(share=0.25, seed="ab"), "mẫu · sample: 25.00%, seed ab"),
        ],
    )
    def test_says_what_was_looked_at(self, ours: TestArchive, scope: AuditScope, said: str) -> None:
        audit(ours.archive, AuditRequest(scope=scope))
        assert ("Phạm vi · Scope", said) in ours.sealer.papers[0].facts


class TestByItself:
    def due(self, ours: TestArchive, days: int | None = 7) -> AuditRun | None:
        interval = None if days is None else dt.timedelta(days=days)
        rules = dataclasses.replace(ours.archive.rules, audit_interval=interval)
        return audit_when_due(dataclasses.replace(ours.archive, rules=rules), lambda _read_bytes: None)

    def test_an_archive_is_audited_once_its_oldest_record_is_old_enough_and_then_at_the_interval(
        self, ours: TestArchive
    ) -> None:
        assert self.due(ours) is None
        ours.stored()
        assert self.due(ours) is None
        ours.clock.forward(dt.timedelta(days=7))
        first = self.due(ours)
        assert first is not None
        assert first.verify
        assert self.due(ours) is None
        ours.clock.forward(dt.timedelta(days=7))
        assert self.due(ours) is not None

    def test_an_audit_of_a_part_does_not_count(self, ours: TestArchive) -> None:
        ours.stored()
        ours.clock.forward(dt.timedelta(days=7))
        audit(ours.archive, AuditRequest(scope=AuditScope(share=0.5), verify=True))
        audit(ours.archive, AuditRequest())
        assert self.due(ours) is not None

    def test_it_is_off_where_it_is_not_wanted(self, ours: TestArchive) -> None:
        ours.stored()
        ours.clock.forward(dt.timedelta(days=700))
        assert self.due(ours, None) is None

    def test_two_workers_take_turns_and_a_turn_of_a_dead_one_ends(
        self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours.stored()
        ours.clock.forward(dt.timedelta(days=7))

        def dying(*_args: object) -> None:
            assert self.due(ours) is None, "another worker, meanwhile"
            raise SystemExit

        taken = []

        def no_farewell(progress: SqlProgress, name: str) -> None:
            taken.append(name)  # a killed worker clears nothing

        with monkeypatch.context() as patched:
            patched.setattr("archive_service.lifecycle.audit.run._begin", dying)
            patched.setattr(SqlProgress, "clear", no_farewell)
            with pytest.raises(SystemExit):
                self.due(ours)
        assert taken
        assert self.due(ours) is None
        ours.clock.forward(dt.timedelta(minutes=16))
        assert self.due(ours) is not None
