"""A backup restored into an empty place is the archive again, and a torn one is never taken for a whole one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from archive_service.errors import IntegrityFailure, Misconfigured, NotFound, Unavailable, unavailable
from archive_service.lifecycle.audit.records import replay_tombstones
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.index import rebuild
from archive_service.lifecycle.log.seal import log_waits, seal_log
from archive_service.lifecycle.marks import keep_tombstone
from archive_service.model.audits import AuditOutcome, AuditRun
from archive_service.model.objects import Tombstone, number_of, original_key, rendition_key
from archive_service.model.permissions import Role
from archive_service.model.record import Record, RecordState
from archive_service.model.sealing import Rendition, RenditionKind
from archive_service.storage.backup import BackedUp, Source, back_up
from archive_service.storage.backup_place import BackupPlace
from archive_service.storage.backup_restore import Restored, RestoreRequest, Target, restore
from archive_service.storage.backup_rows import one_view
from archive_service.storage.local_store import LocalStore
from archive_service.storage.store_url import open_store
from retention.locks import quarantine_lock_until
from tests import servers
from tests.recovery.places import Place, Urls, fresh_urls, live, open_place
from tests.results import digest

# What the new store decides, column by column; the rest of every row must be the same.
OF_THE_STORE = {
    "records": {"object_version", "locked_until"},
    "metadata_versions": {"object_version"},
    "signature_reports": {"object_version"},
}


def quiet(_passed: int) -> None:
    return


def of_records(run: AuditRun) -> dict[AuditOutcome, int]:
    """Return what an audit counted but for the index, which no backup holds."""
    return {outcome: count for outcome, count in run.counts.items() if outcome is not AuditOutcome.NOT_INDEXED}


def back_up_to(place: Place, backups: BackupPlace) -> BackedUp:
    return back_up(
        Source(place.register.engine, place.archive.store, place.archive.staging), backups, place.clock.now(), quiet
    )


def restore_into(place: Place, backups: BackupPlace, **asked: Any) -> Restored:
    until = quarantine_lock_until(place.clock.now(), 14)
    years = quarantine_lock_until(place.clock.now(), 3650)
    target = Target(place.register.engine, place.archive.store, place.archive.staging, until, years)
    return restore(backups, target, RestoreRequest(**asked), quiet)


@pytest.fixture
def backups(place: Place, tmp_path: Path) -> BackupPlace:
    """Give an empty place for backups: a folder."""
    store = LocalStore(tmp_path / "backups", place.clock)
    return BackupPlace(store, place.archive.staging, quarantine_lock_until(place.clock.now(), 14))


@contextmanager
def another(tmp_path: Path, urls: Urls | None = None, name: str = "second") -> Iterator[Place]:
    """Open an empty place of the embedded kind, its register without a schema."""
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    embedded = Urls(f"sqlite:///{folder / 'register.sqlite'}", f"file:{folder / 'objects'}")
    with open_place(urls or embedded, folder, upgrade=False) as opened:
        yield opened


def rendered(place: Place, record: Record) -> None:
    """Give the record a rendition, as sealing does."""
    key, content = rendition_key(record.id, RenditionKind.SEALED, 1), b"%PDF sealed"
    until = quarantine_lock_until(place.clock.now(), 14)
    stored = place.archive.store.put(key, content, digest(content), until)
    made = Rendition(record.id, RenditionKind.SEALED, 1, digest(content), stored, place.clock.now())
    place.register.write(lambda unit: unit.renditions.add(made))


def rows(place: Place) -> dict[str, list[dict[str, Any]]]:
    """Return every row of the register, without what the store decides."""
    with one_view(place.register.engine) as view:
        return {
            table: [
                {name: value for name, value in json.loads(line).items() if name not in OF_THE_STORE.get(table, ())}
                for line in view.lines(table)
            ]
            for table in view.tables
        }


def contents(place: Place) -> dict[str, bytes]:
    """Return the bytes of every object of records."""
    found = {}
    for listed in place.archive.store.list_under("records/"):
        with place.archive.store.read(listed.key, listed.version) as blocks:
            found[listed.key] = b"".join(blocks)
    return found


def during(backups: BackupPlace, happens: Callable[[], object]) -> None:
    """Let something happen between the first and the second object of the next backup."""
    write = backups.store.put
    calls: list[str] = []

    def put(key: str, *args: Any) -> Any:
        calls.append(key)
        if len(calls) == 2:
            happens()
        return write(key, *args)

    backups.store.put = put  # type: ignore[method-assign,assignment]


class TestARestore:
    def test_into_an_empty_place_gives_the_archive_back_row_by_row_and_byte_by_byte(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        history = live(place)
        done = back_up_to(place, backups)
        assert (done.copied, done.damaged, done.missing) == (len(place.objects()), 0, 0)
        with another(tmp_path) as second:
            restored = restore_into(second, backups)
            assert rows(second) == rows(place)
            assert contents(second) == contents(place)
            assert restored.rows == done.manifest.rows()
            report = audit(second.archive, AuditRequest(verify=True))
            assert of_records(report) == {AuditOutcome.INTACT: 7}
            rebuild(second.archive, "restored", lambda _progress: None)
            found = find(second.archive, second.caller(Role.AUDITOR), Search("lương hưu"))
            assert history.plain.id in {hit.record.id for hit in found.hits}

    def test_locks_the_log_and_audit_reports_for_as_long_as_when_they_were_new(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        live(place)
        seal_log(place.archive)
        audit(place.archive, AuditRequest())
        back_up_to(place, backups)
        with another(tmp_path) as second:
            restore_into(second, backups)
            now, store = second.clock.now(), second.archive.store
            days = {
                listed.key.split("/")[0]: until - now
                for listed in store.list_under("")
                if (until := store.lock_of(listed.key, listed.version)) is not None
            }
            assert days["log"] > days["records"] * 100
            assert days["audits"] > days["records"] * 100

    def test_life_goes_on_after_it(self, place: Place, backups: BackupPlace, tmp_path: Path) -> None:
        """New rows are numbered after the restored ones, and the log has no gap."""
        live(place)
        back_up_to(place, backups)
        size = place.register.read(lambda u: u.log.size())
        with another(tmp_path) as second:
            restore_into(second, backups)
            second.deposit(50)
            second.work()
            assert second.register.read(lambda u: u.log.size()) > size
            assert of_records(audit(second.archive, AuditRequest(verify=True))) == {AuditOutcome.INTACT: 8}

    @pytest.mark.parametrize("to", ["embedded", "servers"])
    def test_goes_from_either_column_to_either(
        self, to: str, place: Place, tmp_path: Path, request: pytest.FixtureRequest, backups: BackupPlace
    ) -> None:
        live(place)
        back_up_to(place, backups)
        if to == "embedded":
            urls = fresh_urls(to, tmp_path / "other", request)
            with another(tmp_path, urls) as second:
                restore_into(second, backups)
                assert rows(second) == rows(place)
            return
        server = request.getfixturevalue("postgresql_server_url")
        bucket = f"{request.getfixturevalue('minio_url')}/{servers.unique_name('bucket')}"
        with servers.fresh_database(server) as database, another(tmp_path, Urls(database, bucket)) as second:
            restore_into(second, backups)
            assert rows(second) == rows(place)
            assert of_records(audit(second.archive, AuditRequest(verify=True))) == {AuditOutcome.INTACT: 7}
            second.pdf.facts = place.pdf.facts
            second.deposit(50)
            second.work()
            assert not any(second.register.read(lambda u: u.jobs.counts()))

    def test_into_a_place_that_is_not_empty_is_refused_and_changes_nothing(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        live(place)
        back_up_to(place, backups)
        before = rows(place)
        with pytest.raises(Misconfigured) as refused:
            restore_into(place, backups)
        assert refused.value.code == "register-not-empty"
        assert rows(place) == before
        with another(tmp_path) as second:
            restore_into(second, backups)
        folder = tmp_path / "third"
        urls = Urls(f"sqlite:///{folder / 'register.sqlite'}", f"file:{tmp_path / 'second' / 'objects'}")
        with another(tmp_path, urls, "third") as third:
            with pytest.raises(Misconfigured) as refused:
                restore_into(third, backups)
            assert refused.value.code == "store-not-empty"
            assert not sa.inspect(third.register.engine).get_table_names()

    def test_that_was_cut_off_has_no_register_and_is_resumed(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        live(place)
        back_up_to(place, backups)
        with another(tmp_path) as second:
            put = second.archive.store.put
            calls: list[str] = []

            def dying(key: str, *args: Any) -> Any:
                calls.append(key)
                if len(calls) > 5:
                    raise unavailable("store")
                return put(key, *args)

            second.archive.store.put = dying  # type: ignore[method-assign,assignment]
            with pytest.raises(Unavailable):
                restore_into(second, backups)
            second.archive.store.put = put  # type: ignore[method-assign]
            assert not sa.inspect(second.register.engine).get_table_names()
            restore_into(second, backups, resume=True)
            assert rows(second) == rows(place)
            assert contents(second) == contents(place)

    def test_of_a_named_backup_gives_that_day_back(self, place: Place, backups: BackupPlace, tmp_path: Path) -> None:
        live(place)
        first = back_up_to(place, backups)
        before = rows(place)
        place.deposit(50)
        back_up_to(place, backups)
        with another(tmp_path) as second:
            restore_into(second, backups, stamp=first.manifest.stamp)
            assert rows(second) == before

    def test_brings_nothing_back_that_was_disposed_of_after_the_backup(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        history = live(place)
        first = back_up_to(place, backups)
        tombstone = Tombstone(history.plain.id, place.clock.now(), "hết thời hạn")
        keep_tombstone(place.archive.store, tombstone, quarantine_lock_until(place.clock.now(), 14))
        back_up_to(place, backups)
        with another(tmp_path) as second:
            done = restore_into(second, backups, stamp=first.manifest.stamp)
            assert done.tombstoned == 3
            assert replay_tombstones(second.archive) == 1
            assert second.records()[history.plain.id].state is RecordState.DISPOSED
            assert not any(history.plain.id in key for key in contents(second))
            assert of_records(audit(second.archive, AuditRequest(verify=True))) == {AuditOutcome.INTACT: 7}

    def test_of_a_backup_that_rotted_is_an_alarm_and_leaves_no_register(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        history = live(place)
        back_up_to(place, backups)
        [rotten] = (tmp_path / "backups").rglob(f"{history.plain.id}/original")
        rotten.chmod(0o600)
        content = rotten.read_bytes()
        rotten.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with another(tmp_path) as second:
            with pytest.raises(IntegrityFailure) as told:
                restore_into(second, backups)
            assert told.value.code == "backup-differs"
            assert not sa.inspect(second.register.engine).get_table_names()

    def test_without_a_whole_backup_is_not_found(self, place: Place, backups: BackupPlace, tmp_path: Path) -> None:
        with another(tmp_path) as second, pytest.raises(NotFound) as told:
            restore_into(second, backups)
        assert told.value.code == "no-backup"


class TestABackup:
    def test_copies_only_what_is_new(self, place: Place, backups: BackupPlace) -> None:
        live(place)
        back_up_to(place, backups)
        assert back_up_to(place, backups).copied == 0
        place.deposit(50)
        again = back_up_to(place, backups)
        assert again.copied == 2
        assert again.manifest.object_count == len(place.objects())

    def test_that_was_cut_off_does_not_count_and_what_it_copied_stays_copied(
        self, place: Place, backups: BackupPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live(place)
        put = backups.store.put

        def without_end(key: str, *args: Any) -> Any:
            if key.endswith("/manifest"):
                raise unavailable("store")
            return put(key, *args)

        monkeypatch.setattr(backups.store, "put", without_end)
        with pytest.raises(Unavailable):
            back_up_to(place, backups)
        assert backups.manifest() is None
        monkeypatch.undo()
        assert back_up_to(place, backups).manifest == backups.manifest()

    def test_copies_again_what_the_place_has_lost(self, place: Place, backups: BackupPlace, tmp_path: Path) -> None:
        history = live(place)
        back_up_to(place, backups)
        [lost] = (tmp_path / "backups").rglob(f"{history.plain.id}/original")
        lost.unlink()
        assert back_up_to(place, backups).copied == 1
        assert lost.exists()

    def test_names_what_is_damaged_or_missing_and_backs_up_the_rest(self, place: Place, backups: BackupPlace) -> None:
        live(place)
        [first, second, *_] = place.records().values()
        with place.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            change = sa.text("UPDATE records SET stored_sha256 = :wrong WHERE id = :id")
            connection.execute(change, {"wrong": "0" * 64, "id": first.id})
            moved = sa.text("UPDATE records SET id = :elsewhere WHERE id = :id")
            elsewhere = second.id[:-1] + ("0" if second.id[-1] != "0" else "1")
            connection.execute(moved, {"elsewhere": elsewhere, "id": second.id})
        done = back_up_to(place, backups)
        assert done.manifest.damaged == (original_key(first.id),)
        assert done.manifest.missing == (original_key(second.id),)
        assert done.manifest.object_count == len(place.objects()) - 1
        assert done.manifest == backups.manifest()

    @pytest.mark.parametrize("what", ["metadata/1", "signatures/1", "renditions/"])
    def test_never_holds_a_damaged_object_of_which_the_register_says_a_digest(
        self, place: Place, backups: BackupPlace, tmp_path: Path, what: str
    ) -> None:
        history = live(place)
        rendered(place, history.plain)
        if not place.urls.store.startswith("file:"):
            pytest.skip("the store keeps its bytes where no test can change them")
        key = next(key for key, _, _ in place.objects() if key.startswith(f"records/{history.plain.id}/{what}"))
        [rotten] = (tmp_path / "first" / "objects").rglob(key.removeprefix("records/"))
        rotten.chmod(0o600)
        content = rotten.read_bytes()
        rotten.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        done = back_up_to(place, backups)
        assert (done.manifest.damaged, done.manifest.missing) == ((key,), ())
        assert key not in {one.key for one in backups.store.list_under("records/")}
        rotten.unlink()
        again = back_up_to(place, backups)
        assert (again.manifest.damaged, again.manifest.missing) == ((), (key,))

    def test_is_of_one_instant_while_deposits_go_on(self, place: Place, backups: BackupPlace, tmp_path: Path) -> None:
        """What is deposited after the register was read is in the store only, and does not tear the backup."""
        live(place)
        before = rows(place)
        during(backups, lambda: place.deposit(50))
        back_up_to(place, backups)
        with another(tmp_path) as second:
            restore_into(second, backups)
            assert rows(second) == before
            assert of_records(audit(second.archive, AuditRequest(verify=True))) == {
                AuditOutcome.INTACT: 7,
                AuditOutcome.UNKNOWN: 1,
            }

    def test_holds_no_more_of_the_published_log_than_its_register_signed(
        self, place: Place, backups: BackupPlace, tmp_path: Path
    ) -> None:
        """The log is published while objects are copied; after a restore it goes on otherwise, and is published."""
        live(place)
        seal_log(place.archive)
        size = place.register.read(lambda unit: unit.log.size())

        def go_on() -> None:
            place.deposit(50)
            seal_log(place.archive)

        during(backups, go_on)
        back_up_to(place, backups)
        with another(tmp_path) as second:
            restore_into(second, backups)
            listed = [one.key for one in second.archive.store.list_under("log/")]
            assert max(number_of(key) for key in listed if "/checkpoints/" in key) == size
            assert max(number_of(key) for key in listed if "/entries/" in key) < size
            second.deposit(51)
            assert seal_log(second.archive) is not None
            assert not log_waits(second.archive)

    def test_lies_locked_in_a_store_that_can_lock(self, place: Place, minio_url: str, tmp_path: Path) -> None:
        live(place)
        store = open_store(f"{minio_url}/{servers.unique_name('bucket')}", lock_mode="governance", clock=place.clock)
        until = quarantine_lock_until(place.clock.now(), 3)
        backups = BackupPlace(store, place.archive.staging, until)
        back_up_to(place, backups)
        for listed in store.list_under(""):
            locked_until = store.lock_of(listed.key, listed.version)
            assert locked_until is None or locked_until >= until
        with another(tmp_path) as second:
            restore_into(second, backups)
            assert rows(second) == rows(place)


def test_a_list_of_many_parts_reads_as_it_was_written(
    place: Place, backups: BackupPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_service.storage.backup_place.LINES_OF_A_PART", 3)
    lines = [f"{number}\n".encode() for number in range(10)]
    parts = backups.write_lines("backups/x/rows/many", iter(lines))
    assert [part.lines for part in parts] == [3, 3, 3, 1]
    assert list(backups.read_lines(parts)) == lines
    assert backups.write_lines("backups/x/rows/none", iter(())) == ()
