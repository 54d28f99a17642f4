"""Telling the operator: what works, what does not, and what could not be told."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from archive_service.lifecycle.diagnose import (
    Diagnosis,
    check_clocks,
    check_components,
    check_log,
    check_retention,
    check_timestamps,
    compare_counts,
    prove_lock,
)
from archive_service.lifecycle.log.cosign import keep_cosignatures
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.retention.adopt import adopt_schedule
from archive_service.lifecycle.retention.decide_all import decide_all
from archive_service.lifecycle.retention.hold import HoldOrder, place_hold
from archive_service.lifecycle.timestamps.stamp import ask_authorities, make_batches
from archive_service.model.jobs import JobKind
from archive_service.model.objects import checkpoint_key, metadata_key, original_key
from archive_service.model.permissions import Role
from archive_service.model.ports import ProofResult
from archive_service.storage.register.event_log import SqlLog
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.checkpoint import Checkpoint
from retention.holds import HoldScope
from tests.archives import TestArchive
from tests.fakes.log_signer import ORIGIN, signer
from tests.fakes.memory_store import MemoryStore
from tests.fakes.randomness import CountedRandomness
from tests.fakes.witness import WITNESS, WITNESS_KEY, cosigned
from tests.results import CENTRE

P, F, I = ProofResult.PASSED, ProofResult.FAILED, ProofResult.INDETERMINATE  # noqa: E741


def results(found: tuple[Diagnosis, ...]) -> dict[str, ProofResult]:
    return {one.name: one.result for one in found}


def test_all_components_answer(ours: TestArchive) -> None:
    ours.stored()
    ours.work()
    assert results(check_components(ours.archive)) == {"register": P, "store": P, "index": P, "pdf": P}


@pytest.mark.parametrize("part", ["register", "store", "index", "pdf"])
def test_the_component_that_is_down_is_named_and_the_others_are_asked_all_the_same(
    ours: TestArchive, part: str
) -> None:
    ours.faults.down.add(part)
    found = results(check_components(ours.archive))
    assert found[part] is F
    assert sum(result is F for result in found.values()) == 1


def test_counts_that_agree_pass_and_those_that_do_not_say_both_numbers(ours: TestArchive) -> None:
    records = [ours.stored(number) for number in range(3)]
    ours.work()
    assert set(results(compare_counts(ours.archive)).values()) == {P}
    ours.archive.index.remove([records[0].id])
    for key in (original_key(records[1].id), metadata_key(records[1].id, 1)):
        ours.store.lose(key)
    found = {one.name: one for one in compare_counts(ours.archive)}
    assert found["records in the store"].result is F
    assert found["records in the store"].explanation == "2, but the register says 3"
    assert found["records in the index"].result is F


def test_what_waits_is_no_failure_what_is_parked_is(ours: TestArchive) -> None:
    ours.stored()
    found = results(compare_counts(ours.archive))
    assert set(found.values()) == {P}
    now = ours.clock.now()
    [job] = ours.register.write(lambda u: u.jobs.claim([JobKind.ENRICH], 1, now, now))
    ours.register.write(lambda u: u.jobs.park(job, "integrity-failure"))
    assert results(compare_counts(ours.archive))["parked work"] is F


@pytest.mark.parametrize(("part", "name"), [("store", "records in the store"), ("index", "records in the index")])
def test_what_could_not_be_counted_is_neither_passed_nor_failed(ours: TestArchive, part: str, name: str) -> None:
    ours.stored()
    ours.faults.down.add(part)
    assert results(compare_counts(ours.archive))[name] is I


def test_without_the_register_nothing_can_be_compared(ours: TestArchive) -> None:
    ours.faults.down.add("register")
    assert results(compare_counts(ours.archive)) == {"counts": I}


def test_the_lock_is_proven_by_the_store_or_could_not_be(ours: TestArchive) -> None:
    assert [one.result for one in prove_lock(ours.archive)] == [P]
    ours.faults.down.add("store")
    assert [one.result for one in prove_lock(ours.archive)] == [I]
    assert MemoryStore(ours.clock, enforces_locks=False).prove_lock(ours.clock.now())[0].result is I


def test_time_stamps_that_do_not_come_or_cannot_be_renewed_are_failures(ours: TestArchive) -> None:
    assert [one.result for one in check_timestamps(ours.archive)] == [I], "no authority"
    local = LocalAuthority(ours.folder / "tsa", ours.clock, CountedRandomness())
    trusted = dataclasses.replace(local, is_test=False)
    test, archive = (dataclasses.replace(ours.archive, authorities=(one,)) for one in (local, trusted))
    assert results(check_timestamps(test)) == {"time-stamps of local": I}
    assert results(check_timestamps(archive)) == {"time-stamps of local": P}
    ours.stored(1)
    make_batches(archive)
    assert results(check_timestamps(archive)) == {"time-stamps of local": P}
    ours.clock.forward(dt.timedelta(hours=3))
    [late] = check_timestamps(archive)
    assert (late.result, late.explanation.startswith("1 are owed since")) == (F, True)
    ask_authorities(archive)
    assert results(check_timestamps(archive)) == {"time-stamps of local": P}
    ours.clock.forward(dt.timedelta(days=1_080))
    [ends] = check_timestamps(archive)
    assert (ends.result, "no later one" in ends.explanation) == (F, True)
    ours.faults.down.add("register")
    assert [one.result for one in check_timestamps(archive)] == [I]


def test_the_promise_of_receipts_is_watched(ours: TestArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "log: published"
    ours.stored(1)
    assert results(check_log(ours.archive))[name] is P
    ours.clock.forward(dt.timedelta(hours=7))
    [soon] = [one for one in check_log(ours.archive) if one.name == name]
    assert (soon.result, "promise it soon: not signed" in soon.explanation) == (F, True)
    ours.clock.forward(dt.timedelta(hours=18))
    with monkeypatch.context() as stopped:
        stopped.setattr("archive_service.lifecycle.log.seal._publish", lambda _archive: None)
        seal_log(ours.archive)
    [late] = [one for one in check_log(ours.archive) if one.name == name]
    assert (late.result, "later than receipts promise: signed, but not in the store" in late.explanation) == (F, True)
    seal_log(ours.archive)
    assert results(check_log(ours.archive))[name] is P


def test_a_log_that_contradicts_what_was_signed_or_published_is_an_alarm(ours: TestArchive) -> None:
    name = "log: signed and published"
    ours.stored(1)
    made = seal_log(ours.archive)
    assert made is not None
    assert results(check_log(ours.archive))[name] is P
    key = checkpoint_key(ORIGIN, made.size)
    note = ours.content_of(key)
    other = signer().sign_checkpoint(Checkpoint(ORIGIN, made.size, bytes(32)), ours.clock.now()).data
    ours.store.tamper(key, other)
    assert results(check_log(ours.archive))[name] is F
    ours.store.tamper(key, note)
    tile = ours.register.read(lambda unit: unit.tree.hashes(0, 0))
    ours.register.write(lambda unit: unit.tree.put({(0, 0): bytes(32) + tile[32:]}))
    assert results(check_log(ours.archive))[name] is F
    ours.faults.down.add("register")
    assert set(results(check_log(ours.archive)).values()) == {I}


def test_a_witness_is_silent_when_it_has_not_signed_what_was_published_a_day_ago(ours: TestArchive) -> None:
    archive = dataclasses.replace(ours.archive, witnesses=(WITNESS_KEY,))

    def told() -> ProofResult:
        return results(check_log(archive))[f"witness {WITNESS}+{WITNESS_KEY.id.hex()}"]

    assert told() is P
    made = seal_log(archive)
    assert made is not None
    ours.clock.forward(dt.timedelta(hours=23))
    assert told() is P
    ours.clock.forward(dt.timedelta(hours=2))
    assert told() is F
    keep_cosignatures(archive, ours.caller(Role.AUDITOR), cosigned(made.note.encode()))
    ours.clock.forward(dt.timedelta(days=30))
    assert told() is P
    ours.stored(2)
    seal_log(archive)
    assert told() is P
    ours.clock.forward(dt.timedelta(days=2))
    assert told() is F


def test_a_clock_that_is_behind_the_log_or_unlike_the_database_s_is_told(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.stored(1)
    assert check_clocks(ours.archive).result is P
    ours.clock.forward(-dt.timedelta(minutes=6))
    assert check_clocks(ours.archive).result is F
    ours.clock.forward(dt.timedelta(minutes=6))
    database = ours.clock.now() - dt.timedelta(minutes=6)
    monkeypatch.setattr(SqlLog, "database_time", lambda _: database)
    told = check_clocks(ours.archive)
    assert (told.result, "by 360 s" in told.explanation) == (F, True)
    ours.faults.down.add("register")
    assert check_clocks(ours.archive).result is I


def test_the_schedule_the_decisions_and_the_holds_are_told(ours: TestArchive) -> None:
    manager = ours.caller(Role.RECORDS_MANAGER, office=CENTRE)

    def told() -> list[ProofResult]:
        return [one.result for one in check_retention(ours.archive)]

    record = ours.stored(1)
    ours.work()
    assert told() == [I, I, P]
    adopt_schedule(ours.archive, manager, Path("examples/retention/schedule.toml").read_bytes())
    assert "examples" in check_retention(ours.archive)[0].explanation
    while decide_all(ours.archive) is not None:
        pass
    assert told() == [I, P, P]
    order = HoldOrder(manager, HoldScope.RECORD, record.id, "Thanh tra", "x", "Số 1", dt.date(2026, 12, 1))
    place_hold(ours.archive, order)
    assert told() == [I, P, P]
    ours.clock.forward(dt.timedelta(days=30))
    assert told() == [I, P, F]
    [job] = ours.register.write(
        lambda unit: unit.jobs.claim([JobKind.RETAIN], 1, ours.clock.now(), ours.clock.now() + dt.timedelta(hours=1))
    )
    ours.register.write(lambda unit: unit.jobs.park(job, "broken"))
    assert told() == [I, F, F]
    ours.faults.down.add("register")
    assert told() == [I, I, I]
