"""Batches, owed tokens, renewals and evidence records over a real register, held against the auditor's checker."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from archive_service.errors import ArchiveError, NotFound, unavailable
from archive_service.evidence.evidence_record import Stamp, make_evidence_record, stamp_der
from archive_service.evidence.hash_tree import GroupKind, HashTree, decode_groups
from archive_service.lifecycle.diagnose import check_timestamps
from archive_service.lifecycle.evidence.give_out import evidence_record
from archive_service.lifecycle.timestamps.renew_hash_trees import renew_hash_trees
from archive_service.lifecycle.timestamps.stamp import Stamping, ask_authorities, make_batches, stamp
from archive_service.lifecycle.timestamps.stamped import (
    authorities_of,
    authorities_of_entry,
    evidence_record_of,
    evidence_record_of_entry,
)
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, Json, LoggedEvent
from archive_service.model.permissions import Role
from archive_service.model.ports import ProofResult
from archive_service.model.record import Record
from archive_service.model.units.log import SignedCheckpoint
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.errors import Refused
from archive_verify.evidence_record import EvidenceRecordResult, check_evidence_record, require_record_trusted
from archive_verify.timestamp import Token
from tests.archives import TestArchive
from tests.fakes.faults import Killed
from tests.fakes.randomness import CountedRandomness
from tests.results import HA_NOI, digest, pdf

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


@dataclass
class FakeAuthority:
    """A real authority that fails when told to, and counts how often it is asked."""

    inner: LocalAuthority
    name: str
    is_test: bool = True
    failure: ArchiveError | None = None
    asked: int = field(default=0)

    @property
    def roots(self) -> Sequence[bytes]:
        return self.inner.roots

    def stamp(self, imprint: bytes, algorithm: str) -> Token:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.inner.stamp(imprint, algorithm)


def authority(ours: TestArchive, name: str) -> FakeAuthority:
    return FakeAuthority(LocalAuthority(ours.folder / name, ours.clock, CountedRandomness(name)), name)


@pytest.fixture
def one(ours: TestArchive) -> FakeAuthority:
    return authority(ours, "one")


@pytest.fixture
def archive(ours: TestArchive, one: FakeAuthority) -> Archive:
    return dataclasses.replace(ours.archive, authorities=(one,))


def entry_of(ours: TestArchive, record: Record) -> bytes:
    return ours.register.read(lambda unit: unit.log.of_record(record.id, -1, 1))[0].entry


def checked(ours: TestArchive, number: int, record: Record, name: str = "one") -> EvidenceRecordResult:
    der = ours.register.read(lambda unit: evidence_record_of(unit, record.id, name))
    return check_evidence_record(der, [pdf(f"document {number}"), entry_of(ours, record)])


def test_every_record_of_a_batch_has_an_evidence_record(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    records = [ours.stored(number) for number in range(1, 8)]
    assert stamp(archive) == Stamping(batches=1, tokens=1, failures=())
    for number, record in enumerate(records, 1):
        result = checked(ours, number, record)
        assert result.stamped_at == ours.clock.now()
        require_record_trusted(result, one.roots, [], ours.clock.now())
    with pytest.raises(Refused):
        checked(ours, 1, records[1])


def test_next_batch_is_made_an_hour_later_and_only_of_what_is_new(ours: TestArchive, archive: Archive) -> None:
    first = ours.stored(1)
    assert stamp(archive).batches == 1
    second = ours.stored(2)
    assert stamp(archive).batches == 0
    with pytest.raises(NotFound, match="no time-stamp"):
        checked(ours, 2, second)
    ours.clock.forward(HOUR)
    assert stamp(archive) == Stamping(1, 1, ())
    assert checked(ours, 2, second).stamped_at - checked(ours, 1, first).stamped_at == HOUR
    ours.clock.forward(HOUR)
    assert stamp(archive) == Stamping(0, 0, ()), "nothing happened since"


def test_failures_in_a_row_are_counted_over_all_batches_and_end_with_a_token(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    one.failure = unavailable("timestamp authority")
    told, waits, asked_at = list[int](), list[dt.timedelta](), ours.clock.now()
    for number in range(8 * 120):
        if number % 120 == 0:
            ours.stored(number)
        for failure in stamp(archive).failures:
            told.append(failure.attempts)
            waits.append(ours.clock.now() - asked_at)
            asked_at = ours.clock.now()
        ours.clock.forward(HOUR / 120)
    assert told == list(range(1, len(told) + 1))
    assert waits[1:4] == [HOUR / 120, HOUR / 120, HOUR / 60], "15, 30 and 60 s, looked at every 30 s"
    assert min(waits[10:]) >= HOUR / 2 - HOUR / 120, "a new batch does not let it be asked more often"
    one.failure = None
    ours.clock.forward(HOUR / 2)
    assert stamp(archive).tokens == 8
    one.failure = unavailable("timestamp authority")
    ours.stored(1)
    ours.clock.forward(HOUR)
    assert [failure.attempts for failure in stamp(archive).failures] == [1]


def test_without_authorities_nothing_is_stamped(ours: TestArchive) -> None:
    ours.stored(1)
    assert stamp(ours.archive) == Stamping(0, 0, ())


def test_authority_that_is_down_is_asked_again_later_and_holds_up_nothing(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    two = authority(ours, "two")
    both = dataclasses.replace(archive, authorities=(one, two))
    one.failure = unavailable("timestamp authority")
    record = ours.stored(1)
    done = stamp(both)
    assert (done.batches, done.tokens) == (1, 1)
    assert [(f.authority, f.code, f.attempts) for f in done.failures] == [("one", "unavailable", 1)]
    assert checked(ours, 1, record, "two").tokens
    ours.stored(2)  # deposits go on
    asked = one.asked
    assert stamp(both).failures == ()
    assert one.asked == asked, "it is left alone until it is due"
    ours.clock.forward(dt.timedelta(seconds=16))
    assert stamp(both).failures[0].attempts == 2
    [state, _] = ours.register.read(lambda unit: unit.timestamps.states())
    assert (state.authority, state.stamped, state.owed) == ("one", 0, 1)
    assert state.problem is not None
    one.failure = None
    ours.clock.forward(HOUR)
    assert stamp(both).failures == ()
    assert checked(ours, 1, record, "one").tokens
    assert ours.register.read(lambda unit: authorities_of(unit, record.id)) == ["one", "two"]


def test_waits_between_tries_grow_to_half_an_hour(ours: TestArchive, archive: Archive, one: FakeAuthority) -> None:
    one.failure = unavailable("timestamp authority")
    ours.stored(1)
    stamp(archive)
    for _ in range(10):
        ours.clock.forward(dt.timedelta(minutes=30))
        ask_authorities(archive)
    assert one.asked == 11


def test_two_workers_make_one_batch_and_ask_once(ours: TestArchive, archive: Archive, one: FakeAuthority) -> None:
    ours.stored(1)

    class Racing:
        """Lets another worker make the batch between the look and the write."""

        def __init__(self) -> None:
            self.raced = False

        def write(self, work: object) -> object:
            if not self.raced:
                self.raced = True
                assert make_batches(archive) == 1
            return ours.archive.register.write(work)  # type: ignore[arg-type]

        def read(self, work: object) -> object:
            return ours.archive.register.read(work)  # type: ignore[arg-type]

    slow = dataclasses.replace(archive, register=Racing())  # type: ignore[arg-type]
    assert make_batches(slow) == 0
    assert ask_authorities(archive)[0] == 1
    assert ask_authorities(archive)[0] == 0
    assert one.asked == 1


def test_token_whose_worker_died_is_asked_for_again_and_a_late_one_changes_nothing(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    record = ours.stored(1)
    make_batches(archive)
    now = ours.clock.now()
    lease = now + dt.timedelta(minutes=2)
    taken = ours.register.write(lambda unit: unit.timestamps.claim_owed(["one"], now, lease))
    assert taken is not None
    assert stamp(archive).tokens == 0
    ours.clock.forward(dt.timedelta(minutes=2))
    assert stamp(archive).tokens == 1
    kept = checked(ours, 1, record).tokens[0].der
    late = ours.register.write(lambda unit: unit.timestamps.stamped(taken.batch_id, "one", b"late", now, now))
    assert late is False
    assert checked(ours, 1, record).tokens[0].der == kept


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 8))
def test_a_kill_at_any_call_of_the_register_loses_nothing(
    ours: TestArchive, archive: Archive, call: int, after: bool
) -> None:
    record = ours.stored(1)
    ours.faults.heal()
    ours.faults.kill_at, ours.faults.after = call, after
    with pytest.raises(Killed):
        stamp(archive)
    ours.faults.heal()
    ours.clock.forward(HOUR)
    assert stamp(archive).failures == ()
    assert checked(ours, 1, record).tokens
    assert len(ours.register.read(lambda unit: unit.timestamps.ranges(0, 10))) == 1


def test_expiring_token_becomes_a_leaf_of_a_later_batch(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    record = ours.stored(1)
    stamp(archive)
    # Past half of its certificate's life the authority signs with a new one.
    ours.clock.forward(1_010 * DAY)
    ours.stored(2)
    assert stamp(archive).tokens == 1
    assert len(checked(ours, 1, record).tokens) == 1, "nothing was to be gained before"
    ours.clock.forward(HOUR)
    assert stamp(archive) == Stamping(1, 1, ())
    result = checked(ours, 1, record)
    assert [len(chain) for chain in result.chains] == [2]
    require_record_trusted(result, one.roots, [], ours.clock.now())
    ours.clock.forward(HOUR)
    assert stamp(archive).batches == 0, "a renewed token is not renewed again"


def test_renewal_goes_on_with_another_authority_where_the_first_is_gone(ours: TestArchive, archive: Archive) -> None:
    record = ours.stored(1)
    stamp(archive)
    ours.clock.forward(1_010 * DAY)
    two = authority(ours, "two")
    moved = dataclasses.replace(archive, authorities=(two,))
    ours.stored(2)
    stamp(moved)
    ours.clock.forward(HOUR)
    stamp(moved)
    result = checked(ours, 1, record, "one")
    assert len(result.tokens) == 2
    assert archive.authorities[0].roots != two.roots
    require_record_trusted(result, [*archive.authorities[0].roots, *two.roots], [], ours.clock.now())


def test_hash_trees_are_renewed_with_sha512_and_their_tokens_after_that(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    records = [ours.stored(number) for number in range(1, 4)]
    stamp(archive)
    ours.clock.forward(1_010 * DAY)
    ours.stored(4)
    stamp(archive)
    ours.clock.forward(HOUR)
    stamp(archive)
    ours.clock.forward(HOUR)
    assert renew_hash_trees(archive) == 2
    assert renew_hash_trees(archive) == 0, "the second run finds nothing to do"
    assert len(checked(ours, 1, records[0]).chains) == 1, "not before it is stamped"
    stamp(archive)
    for number, record in enumerate(records, 1):
        result = checked(ours, number, record)
        assert ([len(chain) for chain in result.chains], result.algorithms) == ([2, 1], ("sha256", "sha512"))
        require_record_trusted(result, one.roots, [], ours.clock.now())
    # Years later the SHA-512 tokens are renewed by a SHA-512 batch.
    ours.clock.forward(1_010 * DAY)
    ours.stored(5)
    stamp(archive)
    ours.clock.forward(HOUR)
    assert stamp(archive).failures == ()
    result = checked(ours, 1, records[0])
    assert [len(chain) for chain in result.chains] == [2, 2]
    require_record_trusted(result, one.roots, [], ours.clock.now())


def test_line_is_kept_as_it_was_hashed_when_tokens_come_late(ours: TestArchive, archive: Archive) -> None:
    two = authority(ours, "two")
    two.failure = unavailable("timestamp authority")
    both = dataclasses.replace(archive, authorities=(*archive.authorities, two))
    record = ours.stored(1)
    stamp(both)
    assert renew_hash_trees(both) == 1
    two.failure = None
    ours.clock.forward(HOUR)
    stamp(both)
    assert len(checked(ours, 1, record, "one").chains) == 2
    assert len(checked(ours, 1, record, "two").chains) == 1
    assert renew_hash_trees(both) == 1
    stamp(both)
    assert len(checked(ours, 1, record, "two").chains) == 2
    assert len(checked(ours, 1, record, "one").chains) == 2


def test_reading_an_evidence_record_is_logged_and_another_office_finds_nothing(
    ours: TestArchive, archive: Archive
) -> None:
    record = ours.stored(1)
    stamp(archive)
    der = evidence_record(archive, ours.archivist, record.id, None)
    check_evidence_record(der, [pdf("document 1"), entry_of(ours, record)])
    assert ours.events()[-1].values == {"part": "evidence-record"}
    stranger = ours.caller(Role.ARCHIVIST, office=HA_NOI)
    with pytest.raises(NotFound):
        evidence_record(archive, stranger, record.id, None)
    with pytest.raises(NotFound):
        evidence_record(archive, ours.archivist, record.id, "nobody")


def certified(ours: TestArchive, certificate: bytes, paper: bytes | None) -> LoggedEvent:
    """Let a disposal be certified, and return the entry."""
    documents = {name: stated(body) for name, body in (("certificate", certificate), ("paper", paper))}
    event = Event(EventType.DISPOSAL_CERTIFIED, "worker", ours.clock.now(), None, {"disposal": "d", **documents})
    ours.register.write(lambda unit: unit.log.append(event))
    return ours.register.read(lambda unit: unit.log.entries(unit.log.size() - 1, 1)[0])


def stated(body: bytes | None) -> dict[str, Json] | None:
    content = None if body is None else digest(body)
    return None if content is None else dataclasses.asdict(content)


@pytest.mark.parametrize("paper", [b"%PDF-1.7 sealed", None])
def test_certificate_of_a_disposal_is_stamped_with_its_paper_and_its_entry_and_renewed_as_records_are(
    ours: TestArchive, archive: Archive, one: FakeAuthority, paper: bytes | None
) -> None:
    ours.stored(1)
    entry = certified(ours, b"{}", paper)
    objects = [one for one in (b"{}", paper, entry.entry) if one is not None]

    def made() -> EvidenceRecordResult:
        der = ours.register.read(lambda unit: evidence_record_of_entry(unit, entry.index))
        return check_evidence_record(der, objects)

    with pytest.raises(NotFound, match="no time-stamp"):
        made()
    stamp(archive)
    assert ours.register.read(lambda unit: authorities_of_entry(unit, entry.index)) == ["one"]
    assert made().stamped_at == ours.clock.now()
    ours.clock.forward(HOUR)
    renew_hash_trees(archive)
    stamp(archive)
    assert made().algorithms == ("sha256", "sha512")
    require_record_trusted(made(), one.roots, [], ours.clock.now())


def test_range_without_deposits_is_stamped_once_and_not_looked_at_again(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    assert stamp(archive) == Stamping(1, 1, ()), "loading the reference data is in the log"
    ours.clock.forward(HOUR)
    assert stamp(archive) == Stamping(0, 0, ())


def test_newest_checkpoint_is_stamped_with_the_records(ours: TestArchive, archive: Archive) -> None:
    note = "archive\n1\nroot\n\n"
    checkpoint = SignedCheckpoint(1, bytes(32), note, ours.clock.now())
    ours.register.write(lambda unit: unit.tree.add_checkpoint(checkpoint))
    ours.stored(1)
    stamp(archive)
    batch = ours.register.read(lambda unit: unit.timestamps.get(1))
    assert batch is not None
    groups = decode_groups(batch.groups, batch.algorithm)
    [found] = [group for group in groups if group.kind is GroupKind.CHECKPOINT]
    assert (found.label, batch.checkpoint_size) == ("1", 1)
    der = ours.register.read(lambda unit: unit.timestamps.tokens(1))[0].token
    assert der is not None
    lists = HashTree(batch.algorithm, groups).reduced(groups.index(found))
    made = make_evidence_record([[stamp_der(Stamp(batch.algorithm, lists, der))]])
    assert check_evidence_record(made, [note.encode()]).tokens


def test_authority_that_owes_much_and_is_down_is_asked_once_a_round(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    two = authority(ours, "two")
    both = dataclasses.replace(archive, authorities=(one, two))
    one.failure = unavailable("timestamp authority")
    for number in range(1, 4):
        ours.stored(number)
        assert make_batches(both) == 1
        ours.clock.forward(HOUR)
    assert [failure.authority for failure in stamp(both).failures] == ["one"]
    assert (one.asked, two.asked) == (1, 3)
    one.failure = None
    ours.clock.forward(dt.timedelta(minutes=1))
    assert stamp(both) == Stamping(0, 3, ()), "once it answers, everything that it owes is asked for"


def test_an_authority_that_was_taken_out_of_the_settings_is_asked_for_nothing(
    ours: TestArchive, archive: Archive, one: FakeAuthority
) -> None:
    two = authority(ours, "two")
    ours.stored(1)
    make_batches(dataclasses.replace(archive, authorities=(one, two)))
    assert ask_authorities(archive) == (1, ())
    assert two.asked == 0
    [owed] = [token for token in ours.register.read(lambda unit: unit.timestamps.tokens(1)) if token.token is None]
    assert (owed.authority, owed.attempts) == ("two", 0)
    told = {found.name: found for found in check_timestamps(archive)}["time-stamps of two"]
    assert (told.result, "no longer in" in told.explanation) == (ProofResult.INDETERMINATE, True)
    assert "is not asked for the 1 " in check_timestamps(ours.archive)[1].explanation
    assert ask_authorities(dataclasses.replace(archive, authorities=(two,))) == (1, ())
