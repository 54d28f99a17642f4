"""The archive's own evidence is read again as records are: what is gone, changed, let go or silent is told as such."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archive_service.errors import unavailable
from archive_service.evidence.tiles import entry_bundle, parse_entry_bundle
from archive_service.lifecycle.audit.printing import print_owed
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.evidence.keep import keep_evidence
from archive_service.lifecycle.log.published import read_published
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.retention.adopt import adopt_schedule
from archive_service.lifecycle.timestamps.keep import keep_timestamps
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.model.archive import Archive
from archive_service.model.audits import AuditFinding, AuditOutcome, AuditRun, AuditScope
from archive_service.model.events import Event, EventType
from archive_service.model.objects import audit_paper_key
from archive_service.model.permissions import Role
from archive_service.model.ports import Protection
from archive_service.storage.register.event_log import SqlLog
from archive_service.storage.register.log_tiles import SqlLogTree
from archive_service.storage.register.timestamps import SqlTimestamps
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.checkpoint import Checkpoint
from archive_verify.notes import Note, parse_note
from tests.archives import TestArchive, open_test_archive
from tests.disposing import Disposals
from tests.fakes.log_signer import ORIGIN, signer
from tests.fakes.memory_store import MemoryStore
from tests.fakes.misreading import Change, misread
from tests.fakes.randomness import CountedRandomness
from tests.results import CENTRE, digest

WHOLE = AuditRequest(verify=True)
HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lived:
    """An archive with every kind of evidence that there is, and the key of one object of each."""

    ours: TestArchive
    archive: Archive
    keys: dict[str, str]

    def audit(self, request: AuditRequest = WHOLE) -> AuditRun:
        return audit(self.archive, request)

    def told(self, request: AuditRequest = WHOLE) -> list[tuple[AuditOutcome, str | None]]:
        return [(one.outcome, one.key) for one in self.audit(request).listed]


KINDS = (
    "an older checkpoint",
    "the newest checkpoint",
    "entries",
    "a key of the log",
    "a batch",
    "its groups",
    "its token",
    "a report",
    "a printed report",
    "a certificate",
    "a printed certificate",
    "a schedule",
    "a decision",
)


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Lived]:
    """Let an archive live: a record is kept and another disposed of, stamped, audited; twice the log is published."""
    with open_test_archive(tmp_path) as ours:
        authority = LocalAuthority(tmp_path / "tsa", ours.clock, CountedRandomness())
        archive = dataclasses.replace(ours.archive, authorities=(authority,))
        added = [key.text for key in archive.signer.verifier_keys]
        rotated = Event(EventType.LOG_KEY_ROTATED, "operator", ours.clock.now(), None, {"added": added, "retired": []})
        ours.register.write(lambda unit: unit.log.append(rotated))
        people = Disposals(ours)
        people.prepare()
        people.due(1)
        people.approved()
        people.finish()
        manager = ours.caller(Role.RECORDS_MANAGER, office=CENTRE)
        adopt_schedule(archive, manager, Path("examples/retention/schedule.toml").read_bytes())
        seal_log(archive)
        ours.stored(2)
        ours.work()
        audit(archive, WHOLE)
        stamp(archive)
        seal_log(archive)
        keep_evidence(archive)
        keep_timestamps(archive)
        # What is stamped now and then is kept within the hour: only after that it is missed.
        ours.clock.forward(2 * HOUR)
        keep_timestamps(archive)
        yield Lived(ours, archive, _keys(ours))


def _keys(ours: TestArchive) -> dict[str, str]:
    first, *_, last = _of(ours, "log/", "/checkpoints/")
    names = {
        "entries": ("log/", "/entries/"),
        "a key of the log": ("log/", "/keys/"),
        "a batch": ("timestamps/", "/batch"),
        "its groups": ("timestamps/", "/groups"),
        "its token": ("timestamps/", "/tokens/"),
        "a report": ("audits/", "/report.json"),
        "a printed report": ("audits/", "/report.pdf"),
        "a certificate": ("disposals/", "/certificate.json"),
        "a printed certificate": ("disposals/", "/certificate.pdf"),
        "a schedule": ("retention/schedules/", ".toml"),
        "a decision": ("disposals/", "/evidence/"),
    }
    found = {kind: _of(ours, prefix, part)[0] for kind, (prefix, part) in names.items()}
    return {"an older checkpoint": first, "the newest checkpoint": last, **found}


def _of(ours: TestArchive, prefix: str, part: str) -> list[str]:
    return [key for key in ours.objects(prefix) if part in key]


def flipped(content: bytes) -> bytes:
    """Return the bytes with one bit changed in their midst."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def misread_once(patch: pytest.MonkeyPatch, key: str) -> None:
    """Let a store answer wrongly for one key, the first time that it is read."""
    read, told = MemoryStore.read, list[str]()

    @contextmanager
    def wrongly(store: MemoryStore, asked: str, version: str, **options: Any) -> Iterator[Iterator[bytes]]:
        with read(store, asked, version, **options) as blocks:
            if asked != key or told:
                yield blocks
            else:
                told.append(asked)
                yield iter([flipped(b"".join(blocks))])

    patch.setattr(MemoryStore, "read", wrongly)


def only(run: AuditRun) -> AuditFinding:
    [finding] = run.listed
    return finding


def test_nothing_is_told_of_an_archive_whose_evidence_is_whole(lived: Lived) -> None:
    run = lived.audit()
    assert run.listed == ()
    assert run.counts == {AuditOutcome.INTACT: 2}, "records are counted, evidence is not"
    assert lived.audit(AuditRequest()).listed == ()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "a decision"])
def test_what_is_gone_is_missing_also_where_no_byte_is_read(lived: Lived, kind: str) -> None:
    key = lived.keys[kind]
    lived.ours.store.lose(key)
    if kind == "a key of the log":
        assert lived.told(AuditRequest()) == []
    else:
        assert (AuditOutcome.MISSING, key) in lived.told(AuditRequest())
    run = lived.audit()
    assert (AuditOutcome.MISSING, key) in [(one.outcome, one.key) for one in run.listed]
    assert run.alarm


@pytest.mark.parametrize("kind", KINDS)
class TestWhatIsRead:
    def test_with_one_bit_changed_is_a_mismatch(self, lived: Lived, kind: str) -> None:
        key = lived.keys[kind]
        lived.ours.store.tamper(key, flipped(lived.ours.content_of(key)))
        if kind != "the newest checkpoint":
            assert lived.told(AuditRequest()) == [], "what is there is not read"
        run = lived.audit()
        told = [(one.outcome, one.key) for one in run.listed if one.outcome is not AuditOutcome.LOG_BROKEN]
        assert told == [(AuditOutcome.MISMATCH, key)]
        assert run.alarm

    def test_wrongly_once_is_not_told(self, lived: Lived, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        misread_once(monkeypatch, lived.keys[kind])
        assert lived.told() == []

    def test_with_a_lock_that_ends_too_soon_is_drift(
        self, lived: Lived, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        key, asked = lived.keys[kind], MemoryStore.protection_of
        days = lived.archive.rules.checkpoint_lock_days

        def shorter(store: MemoryStore, of: str, version: str) -> Protection:
            found = asked(store, of, version)
            until = lived.ours.clock.now() + dt.timedelta(days=days / 5)
            return dataclasses.replace(found, locked_until=until) if of == key else found

        monkeypatch.setattr(MemoryStore, "protection_of", shorter)
        run = lived.audit()
        assert [(one.outcome, one.key) for one in run.listed] == [(AuditOutcome.DRIFT, key)]
        assert not run.alarm


# Without the newest checkpoint the log cannot be recomputed: the audit ends, and is resumed.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "the newest checkpoint"])
def test_what_cannot_be_read_is_neither_fine_nor_damage(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    key, read = lived.keys[kind], MemoryStore.read

    def silent(store: MemoryStore, asked: str, *args: Any, **options: Any) -> Any:
        if asked == key:
            raise unavailable("store")
        return read(store, asked, *args, **options)

    monkeypatch.setattr(MemoryStore, "read", silent)
    run = lived.audit()
    assert {one.outcome for one in run.listed} == {AuditOutcome.UNREADABLE}
    assert (run.alarm, run.undecided) == (False, True)


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (SqlLogTree, "checkpoint", lambda found: found and dataclasses.replace(found, root=bytes(32))),
        (SqlTimestamps, "tokens", lambda found: [dataclasses.replace(one, token=b"x") for one in found]),
        (SqlTimestamps, "get", lambda found: found and dataclasses.replace(found, root=bytes(32))),
        (SqlLog, "entry_bytes", lambda found: found[1:]),
    ],
    ids=["a root", "tokens", "a batch", "entries"],
)
def test_what_the_register_says_wrongly_once_is_not_told(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, wrong: Change
) -> None:
    misread(monkeypatch, owner, name, wrong, 1)
    assert lived.told() == []


class TestTheScope:
    @pytest.mark.parametrize("scope", [AuditScope(share=0.5, seed="s"), AuditScope(received_from=dt.date(2020, 1, 1))])
    def test_of_some_records_leaves_evidence_out(self, lived: Lived, scope: AuditScope) -> None:
        for kind in ("an older checkpoint", "a report", "its token"):
            lived.ours.store.lose(lived.keys[kind])
        assert lived.told(AuditRequest(scope=scope, verify=True)) == []

    def test_of_everything_counts_its_bytes_against_the_rate(self, lived: Lived) -> None:
        told = list[int]()
        lived.audit(AuditRequest(verify=True, pace=told.append))
        sizes = [len(lived.ours.content_of(key)) for key in lived.keys.values()]
        assert set(sizes) <= set(told)


class TestACheckpoint:
    def test_that_the_logs_own_key_signed_of_another_tree_is_told(self, lived: Lived) -> None:
        """Whoever holds key and store can publish a fork; the entries in the register convict it."""
        key = lived.keys["an older checkpoint"]
        size = min(one.size for one in _checkpoints(lived))
        fork = signer().sign_checkpoint(Checkpoint(ORIGIN, size, bytes(32)), lived.ours.clock.now())
        lived.ours.store.tamper(key, fork.data)
        found = only(lived.audit())
        assert (found.outcome, found.key) == (AuditOutcome.MISMATCH, key)
        assert f"the first {size} entries are not those whose tree it signs" in found.explanation

    def test_that_none_of_its_keys_signed_is_told(self, lived: Lived) -> None:
        key = lived.keys["an older checkpoint"]
        text = parse_note(lived.ours.content_of(key)).text
        lived.ours.store.tamper(key, Note(text, signer(7).sign_text(text).signatures).data)
        assert "not signed by a key of the log" in only(lived.audit()).explanation

    def test_that_a_register_which_was_caught_up_never_heard_of_is_held_against_its_tree(self, lived: Lived) -> None:
        lived.ours.change_as_owner("DELETE FROM log_checkpoints WHERE size < (SELECT max(size) FROM log_checkpoints)")
        assert lived.told() == []
        key = lived.keys["an older checkpoint"]
        lived.ours.store.tamper(key, flipped(lived.ours.content_of(key)))
        assert lived.told() == [(AuditOutcome.MISMATCH, key)]

    def test_that_was_published_while_the_store_was_listed_is_not_missed(
        self, lived: Lived, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        newest, listed = lived.keys["the newest checkpoint"], MemoryStore.list_under

        def late(store: MemoryStore, prefix: str, **options: Any) -> Any:
            found = listed(store, prefix, **options)
            return (one for one in found if one.key != newest) if prefix.endswith("/checkpoints/") else found

        monkeypatch.setattr(MemoryStore, "list_under", late)
        assert lived.told() == []


class TestEntries:
    def test_that_are_others_than_the_logs_are_told(self, lived: Lived) -> None:
        key = lived.keys["entries"]
        first, second, *rest = parse_entry_bundle(lived.ours.content_of(key))
        lived.ours.store.tamper(key, entry_bundle([second, first, *rest]))
        assert "not those of the log" in only(lived.audit()).explanation

    def test_that_were_put_for_a_checkpoint_that_never_came_are_passed_over(self, lived: Lived) -> None:
        key = lived.keys["entries"].rpartition("/")[0] + "/0000000000000000"
        body = entry_bundle([b"never published"])
        lived.ours.store.put(key, body, digest(body), lived.ours.clock.now() + HOUR)
        assert lived.told() == []


class TestAToken:
    def test_that_stamps_another_root_is_told_though_the_register_has_it_so(self, lived: Lived) -> None:
        """Register and store changed together: the token itself convicts both."""
        lived.ours.stored(3)
        lived.ours.clock.forward(2 * HOUR)
        stamp(lived.archive)
        second = lived.ours.register.read(lambda unit: unit.timestamps.newest())
        assert second is not None
        other = lived.ours.register.read(lambda unit: unit.timestamps.tokens(second.id))[0].token
        lived.ours.change_as_owner("UPDATE timestamp_tokens SET token = :other WHERE batch_id = 1", other=other)
        lived.ours.store.lose(lived.keys["its token"])
        lived.ours.change_as_owner("DELETE FROM progress WHERE name = 'keep-timestamps'")
        keep_timestamps(lived.archive)
        found = only(lived.audit())
        assert found.outcome is AuditOutcome.MISMATCH
        assert str(found.key).startswith("timestamps/")

    def test_that_was_given_since_the_last_run_is_not_missed(self, lived: Lived) -> None:
        lived.ours.stored(3)
        lived.ours.clock.forward(2 * HOUR)
        stamp(lived.archive)
        assert lived.told() == []


def test_papers_whose_entry_lost_its_payload_are_passed_over(lived: Lived) -> None:
    """A register that was made anew knows no digest of them; the loss itself is told of the log."""
    lived.ours.store.lose(lived.keys["a report"])
    lived.ours.change_as_owner(
        'DELETE FROM log_payloads WHERE "index" IN (SELECT "index" FROM log_entries WHERE '
        'instr(CAST(entry AS TEXT), \'"type":"audited"\') > 0)',
    )
    outcomes = {one.outcome for one in lived.audit().listed}
    assert AuditOutcome.MISSING not in outcomes
    assert AuditOutcome.PAYLOAD_MISSING in outcomes


def test_a_paper_that_was_sealed_later_is_held_against_the_entry_that_tells_of_it(lived: Lived) -> None:
    lived.ours.faults.down.add("sealer")
    owing = lived.audit()
    lived.ours.faults.heal()
    print_owed(lived.archive)
    key = audit_paper_key(owing.id)
    lived.ours.store.tamper(key, flipped(lived.ours.content_of(key)))
    assert (AuditOutcome.MISMATCH, key) in lived.told()


def _checkpoints(lived: Lived) -> list[Checkpoint]:
    sizes = [size for size, _ in lived.ours.register.read(lambda unit: unit.tree.signed_roots(0, 100))]
    return [read_published(lived.ours.store, ORIGIN, size)[1] for size in sizes]
