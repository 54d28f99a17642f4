"""What looks wrong in the log is read again before it is told: one bad read is no alarm, the same one twice is."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any, NamedTuple

import pytest

from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.audits import AuditOutcome, AuditRun
from archive_service.model.events import Event, EventType
from archive_service.model.record import DocumentText, PageText, RecordState, TextSource, Trust
from archive_service.storage.register.event_log import SqlLog
from archive_service.storage.register.log_tiles import SqlLogTree
from archive_service.storage.register.records import SqlRecords
from archive_service.storage.register.renditions import SqlRenditions
from archive_verify.merkle import leaf_hash, root_of
from archive_verify.notes import Note, parse_note
from tests.archives import TestArchive
from tests.fakes.log_signer import signer
from tests.fakes.memory_store import MemoryStore
from tests.fakes.misreading import ALWAYS, Change, misread

_READ = MemoryStore.read


def audited(ours: TestArchive) -> AuditRun:
    return audit(ours.archive, AuditRequest())


def lived(ours: TestArchive) -> int:
    """Let the archive have a history of several pages with two trees that were signed; return its log's size."""
    ours.pdf.text = DocumentText((PageText(1, "Quyết định", TextSource.OCR, 91.0, bytes(20)),))
    ours.stored(1, trust=Trust.DIGITISED)
    ours.work()
    seal_log(ours.archive)
    ours.stored(2)
    ours.work()
    seal_log(ours.archive)
    return ours.register.read(lambda unit: unit.log.size())


def entry_with(index: int, **other: Any) -> Change:
    """Return a change of what is read of one entry."""
    return lambda page: [dataclasses.replace(one, **other) if one.index == index else one for one in page]


def rewritten(old: bytes, new: bytes) -> Change:
    """Return a change of the first entry's bytes, wherever it is read."""

    def change(page: list[Any]) -> list[Any]:
        if not page or not hasattr(page[0], "entry"):
            return page
        first = dataclasses.replace(page[0], entry=page[0].entry.replace(old, new))
        return [first, *page[1:]] if first.index == 0 else page

    return change


def flipped(bodies: list[bytes]) -> list[bytes]:
    return [bodies[0].replace(b'"v":1', b'"v":2'), *bodies[1:]] if bodies else bodies


class Misreading(NamedTuple):
    """What is misread, where, how, and what is told of it where it is read so again."""

    what: str
    owner: type
    name: str
    change: Change
    told: AuditOutcome


MISREADINGS = [
    Misreading("a payload", SqlLog, "sealed", entry_with(0, payload=b"{}"), AuditOutcome.LOG_BROKEN),
    Misreading("a salt", SqlLog, "sealed", entry_with(2, salt=bytes(32)), AuditOutcome.LOG_BROKEN),
    Misreading(
        "an entry that is none", SqlLog, "sealed", entry_with(1, entry=b'{"type":"deposited"'), AuditOutcome.LOG_BROKEN
    ),
    Misreading("an entry that is gone", SqlLog, "sealed", lambda page: page[1:], AuditOutcome.LOG_BROKEN),
    Misreading("the last entry", SqlLog, "sealed", lambda page: page[:-1], AuditOutcome.LOG_BROKEN),
    Misreading("a page that is empty", SqlLog, "sealed", lambda _page: [], AuditOutcome.LOG_BROKEN),
    Misreading("a time ahead", SqlLog, "sealed", rewritten(b'"at":"20', b'"at":"30'), AuditOutcome.LOG_BROKEN),
    Misreading(
        "a payload that is gone", SqlLog, "sealed", entry_with(3, payload=None, salt=None), AuditOutcome.PAYLOAD_MISSING
    ),
    Misreading(
        "a root", SqlLogTree, "signed_roots", lambda told: [(n, bytes(32)) for n, _ in told], AuditOutcome.LOG_BROKEN
    ),
    Misreading(
        "a tree beyond", SqlLogTree, "signed_roots", lambda told: told or [(99_999, bytes(32))], AuditOutcome.LOG_BROKEN
    ),
    Misreading("a size", SqlLog, "size", lambda size: size + 5, AuditOutcome.LOG_BROKEN),
    Misreading("a record that is gone", SqlRecords, "get_many", lambda _found: {}, AuditOutcome.LOST),
    Misreading(
        "a record called disposed of",
        SqlRecords,
        "get_many",
        lambda found: {one: dataclasses.replace(r, state=RecordState.DISPOSED) for one, r in found.items()},
        AuditOutcome.LOST,
    ),
    Misreading("a description", SqlRecords, "versions_of", lambda _found: {}, AuditOutcome.MISMATCH),
    Misreading("a sealed copy", SqlRenditions, "of_record", lambda found: found[:0], AuditOutcome.MISMATCH),
]


@pytest.mark.parametrize("misreading", MISREADINGS, ids=[one.what for one in MISREADINGS])
class TestWhatIsMisread:
    def test_once_is_not_told(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch, misreading: Misreading) -> None:
        size = lived(ours)
        right = audited(ours)
        assert right.counts.keys() == {AuditOutcome.INTACT}
        monkeypatch.setattr("archive_service.lifecycle.audit.log._AT_ONCE", 3)
        misread(monkeypatch, misreading.owner, misreading.name, misreading.change, 1)
        run = audited(ours)
        assert run.listed == ()
        assert run.log_size == size + 1, "and the audit before is an entry"

    def test_both_times_is_told(
        self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch, misreading: Misreading
    ) -> None:
        lived(ours)
        monkeypatch.setattr("archive_service.lifecycle.audit.log._AT_ONCE", 3)
        misread(monkeypatch, misreading.owner, misreading.name, misreading.change, ALWAYS)
        run = audited(ours)
        assert run.alarm
        assert misreading.told in run.counts


class TestAnEntryThatOnlyTheTreeTellsOf:
    """Its payload fits, its time is in order: that it was misread shows pages later, where the tree was signed."""

    @pytest.mark.parametrize("at_once", [3, 2000])
    def test_misread_once_is_not_told(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
        lived(ours)
        monkeypatch.setattr("archive_service.lifecycle.audit.log._AT_ONCE", at_once)
        right = audited(ours)
        misread(monkeypatch, SqlLog, "sealed", rewritten(b'"v":1', b'"v":2'), 1)
        run = audited(ours)
        assert run.listed == ()
        assert (run.log_size, run.log_root) != (right.log_size, right.log_root)
        monkeypatch.undo()
        again = ours.register.read(lambda unit: unit.log.entry_bytes(0, run.log_size or 0))
        assert run.log_root == root_of(map(leaf_hash, again)).hex()

    @pytest.mark.parametrize("at_once", [3, 2000])
    def test_misread_each_time_is(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
        lived(ours)
        monkeypatch.setattr("archive_service.lifecycle.audit.log._AT_ONCE", at_once)
        misread(monkeypatch, SqlLog, "sealed", rewritten(b'"v":1', b'"v":2'), ALWAYS)
        misread(monkeypatch, SqlLog, "entry_bytes", flipped, ALWAYS)
        assert [one.explanation for one in audited(ours).listed if "tree was signed" in one.explanation]


class TestTheNewestCheckpointInTheStore:
    def wrong(self, ours: TestArchive, how: str) -> tuple[str, bytes, bytes]:
        """Return its key, its bytes, and other bytes."""
        newest = max(key for key in ours.objects("log/") if "/checkpoints/" in key)
        right = ours.content_of(newest)
        if how == "garbage":
            return newest, right, b"\x00" * len(right)
        text = parse_note(right).text
        return newest, right, Note(text, signer(7).sign_text(text).signatures).data

    @pytest.mark.parametrize("how", ["garbage", "of another key"])
    def test_is_read_again(self, ours: TestArchive, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
        lived(ours)
        key, right, wrong = self.wrong(ours, how)
        ours.store.tamper(key, wrong)
        read = []

        def put_right(store: Any, *args: Any, **options: Any) -> Any:
            if args[0] == key:
                read.append(key)
                if len(read) == 2:
                    store.tamper(key, right)
            return _READ(store, *args, **options)

        monkeypatch.setattr(type(ours.store), "read", put_right)
        assert audited(ours).listed == ()
        assert len(read) >= 2

    @pytest.mark.parametrize("how", ["garbage", "of another key"])
    def test_is_told_where_it_is_so_again(self, ours: TestArchive, how: str) -> None:
        lived(ours)
        key, _, wrong = self.wrong(ours, how)
        ours.store.tamper(key, wrong)
        assert AuditOutcome.LOG_BROKEN in audited(ours).counts


def test_a_loss_whose_event_was_misread_still_explains_what_is_gone(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = lived(ours)
    with ours.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        connection.exec_driver_sql('DELETE FROM log_payloads WHERE "index" > 0')
    values = {"from": 1, "to": size}
    caught_up = Event(EventType.LOG_CAUGHT_UP, "operator", ours.clock.now(), None, values)
    ours.register.write(lambda unit: unit.log.append(caught_up))
    misread(monkeypatch, SqlLog, "sealed", entry_with(size, payload=None, salt=None), 1)
    assert not audited(ours).alarm


def test_a_register_that_reads_differently_each_time_is_unreadable_and_no_alarm(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = lived(ours)
    looks = []

    def another_entry_each_time(page: list[Any]) -> list[Any]:
        looks.append(page)
        changed: list[Any] = entry_with(len(looks) % size, payload=b"{}")(page)
        return changed

    misread(monkeypatch, SqlLog, "sealed", another_entry_each_time, ALWAYS)
    run = audited(ours)
    assert not run.alarm
    assert run.undecided
    assert "was read differently each time" in run.listed[0].explanation


def test_a_damaged_log_is_read_twice_and_not_once_for_each_page(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        ours.stored(number)
        ours.clock.forward(dt.timedelta(seconds=1))
        seal_log(ours.archive)
    size = ours.register.read(lambda unit: unit.log.size())
    monkeypatch.setattr("archive_service.lifecycle.audit.log._AT_ONCE", 3)
    misread(monkeypatch, SqlLog, "sealed", rewritten(b'"v":1', b'"v":2'), ALWAYS)
    misread(monkeypatch, SqlLog, "entry_bytes", flipped, ALWAYS)
    passed = []
    sealed = SqlLog.sealed

    def counted(*args: Any) -> Any:
        passed.append(len(page := sealed(*args)))
        return page

    monkeypatch.setattr(SqlLog, "sealed", counted)
    assert audited(ours).alarm
    assert size < sum(passed) <= 2 * size
