"""From deposit to certificate, with years between: told once and lived on every column of real parts.

Time is moved by the ``Clock``; real stores follow by ``fast_time``. The register, the store, the index, the PDF
processes, the seal and the checker are the real ones; so are locks, and what they refuse.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from archive_service import bootstrap
from archive_service.api.requests import MetadataSchema
from archive_service.errors import Conflict
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.deposit import Deposit, deposit
from archive_service.lifecycle.disposal.approve import approve
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.lifecycle.disposal.give_out import disposal_package
from archive_service.lifecycle.disposal.propose import ProposalRequest, Selection, propose
from archive_service.lifecycle.disposal.read import list_items
from archive_service.lifecycle.disposal.vote import vote
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.evidence.keep import keep_evidence
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.keys import KeyRequest, authenticate, create_key
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.retention.adopt import adopt_schedule
from archive_service.lifecycle.retention.decide import ask_again, decide_records
from archive_service.lifecycle.retention.decide_all import decide_all
from archive_service.lifecycle.retention.explain import explain_record
from archive_service.lifecycle.retention.hold import HoldOrder, lift_hold, place_hold
from archive_service.lifecycle.retention.tell import Happening, tell_event
from archive_service.lifecycle.seal import seal
from archive_service.lifecycle.timestamps.stamp import stamp
from archive_service.model.archive import Archive
from archive_service.model.disposals import DisposalItem, ItemState
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import record_prefix, tombstone_key
from archive_service.model.permissions import Caller, Role
from archive_service.model.ports import Clock, ObjectStore
from archive_service.model.record import ContentDigest, Record, RecordState
from archive_service.model.retention import EventScope
from archive_service.model.units.disposals import ItemSelection
from archive_service.settings import Settings
from archive_service.storage.reference_files import read_reference
from archive_service.storage.register.event_log import SqlLog
from archive_service.storage.store_url import open_store
from archive_verify.__main__ import main as archive_verify
from examples.results import ExampleResult, make_results
from retention.decide import RetentionState
from retention.disposal import Vote
from retention.holds import HoldScope
from retention.schedule import Action
from tests.evidence.test_package import unpacked
from tests.journeys.columns import Column, settings_of
from tests.journeys.fast_time import YEAR, FastStore, JourneyClock
from tests.results import digest
from tests.running import PROJECT

NOW = dt.datetime(2026, 11, 26, 2, 0, tzinfo=dt.UTC)
SECONDS_A_YEAR = 20.0
DAY = dt.timedelta(days=1)

SCHEDULE = """
[schedule]
id = "journey"
version = "1"
title = "One year after the dossier was closed"
title_vi = "Một năm sau khi kết thúc hồ sơ"
valid_from = 2026-01-01

[[class]]
code = "07"
title = "One year"
title_vi = "Một năm"
legal_source = "For this journey only"
period = "1 year"
trigger = "dossier-closed"
action = "destroy"
example = true

[[rule]]
class = "07"
priority = 0
""".encode()


@dataclass(frozen=True, slots=True)
class Life:
    """The archive, its time, and the people: each with a key of an account."""

    archive: Archive
    clock: JourneyClock
    column: Column
    folder: Path
    people: dict[str, Caller] = field(default_factory=dict)

    def person(self, account: str, *roles: Role) -> Caller:
        """Return a person of the central agency, known by a key like everybody else."""
        if account not in self.people:
            request = KeyRequest(account, OfficeCode("BHXH"), frozenset(roles), 20 * YEAR, account)
            made = create_key(self.archive, request)
            self.people[account] = authenticate(self.archive, made.token)
        return self.people[account]

    @property
    def manager(self) -> Caller:
        """The records manager."""
        return self.person("lan", Role.RECORDS_MANAGER)

    def work(self) -> None:
        """Do what workers do until nothing is left to be done at this moment."""
        steps: dict[JobKind, Callable[[RecordId], object]] = {
            JobKind.ENRICH: lambda one: enrich(self.archive, one),
            JobKind.SEAL: lambda one: seal(self.archive, one),
            JobKind.INDEX: lambda one: index_records(self.archive, [one]),
            JobKind.RETAIN: lambda one: decide_records(self.archive, [one]),
            JobKind.DISPOSE: lambda one: execute(self.archive, one),
        }
        ask_again(self.archive, 1000)
        while decide_all(self.archive) is not None:
            pass
        finish_disposals(self.archive)
        while jobs := self._take():
            for job in jobs:
                steps[job.kind](job.record_id)
                self.archive.register.write(lambda unit, job=job: unit.jobs.done(job))  # type: ignore[misc]
            finish_disposals(self.archive)
        seal_log(self.archive)
        keep_evidence(self.archive)

    def _take(self) -> list[Any]:
        now = self.archive.clock.now()
        return self.archive.register.write(lambda unit: unit.jobs.claim(list(JobKind), 10, now, now + DAY))

    def record(self, record_id: RecordId) -> Record:
        found = self.archive.register.read(lambda unit: unit.records.get(record_id))
        assert found is not None
        return found

    def state(self, record_id: RecordId) -> RetentionState:
        return explain_record(self.archive, self.manager, record_id).decision.state


@pytest.fixture
def life(
    column: Column, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Life]:
    """Open an archive on a column of real parts, whose time this test moves."""
    clock = JourneyClock(NOW, 0 if column is Column.EMBEDDED else SECONDS_A_YEAR)

    def fast(url: str, *, lock_mode: str, clock: Clock, handed_over: Path | None = None) -> ObjectStore:
        if column is Column.EMBEDDED:
            return open_store(url, lock_mode=lock_mode, clock=clock, handed_over=handed_over)
        real = open_store(url, lock_mode=lock_mode, clock=_Today(), handed_over=handed_over)
        return FastStore(real, moved)

    moved = clock
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: clock)
    monkeypatch.setattr(bootstrap, "open_store", fast)
    # The database's own clock cannot be moved; every other one is.
    monkeypatch.setattr(SqlLog, "_has_clock", False)
    for name, value in settings_of(column, tmp_path, request).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    bootstrap.upgrade_register(settings)
    with bootstrap.open_archive(settings, pdf_processes=2) as archive:
        archive.store.check_ready()
        load_reference(archive, read_reference(PROJECT / "examples" / "reference"), "operator")
        yield Life(archive, clock, column, tmp_path)


class _Today:
    """The time of the day."""

    def now(self) -> dt.datetime:
        """Return it."""
        return dt.datetime.now(dt.UTC)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("column", list(Column))
def test_a_record_lives_waits_runs_is_held_and_goes_by_the_decision_of_several(life: Life) -> None:
    adopt_schedule(life.archive, life.manager, SCHEDULE)
    results = list(make_results(seed=11, count=2))
    first, held = (handed_over(life, result) for result in results)
    life.work()
    assert {life.state(first), life.state(held)} == {RetentionState.WAITING}
    assert life.record(first).search_problem is None

    for result in results:
        day = NOW.date() - dt.timedelta(days=1)
        code = result.metadata["dossier_code"]
        tell_event(life.archive, Happening(life.manager, EventScope.DOSSIER, code, "dossier-closed", day, "một cửa"))
    life.work()
    assert {life.state(first), life.state(held)} == {RetentionState.RUNNING}
    the_store_refuses(life, first, "Locked until its last day.")

    order = HoldOrder(life.manager, HoldScope.RECORD, held, "Thanh tra", "khiếu nại", "Số 12/TTr", dt.date(2028, 1, 1))
    hold = place_hold(life.archive, order).hold.id
    life.work()
    life.clock.forward(YEAR + 20 * DAY)
    life.work()
    assert life.state(first) is RetentionState.DUE
    assert life.state(held) is RetentionState.HELD
    the_store_refuses(life, held, "Held, though its last day is over.")

    goes(life, first, stays=held)
    lift_hold(life.archive, life.manager, hold, "kết thúc thanh tra")
    life.work()
    assert life.state(held) is RetentionState.DUE
    life.clock.forward(120 * DAY)
    goes(life, held, stays=None)
    assert life.archive.index.count() == 0
    assert list(life.archive.store.list_under("records/")) == []
    run = audit(life.archive, AuditRequest(verify=True))
    assert not run.alarm, run.listed


def handed_over(life: Life, result: ExampleResult) -> RecordId:
    depositor = life.person("one-stop", Role.DEPOSITOR)
    path = life.folder / f"{result.name}.pdf"
    path.write_bytes(result.pdf)
    metadata = MetadataSchema().load(json.loads(json.dumps(result.metadata)))
    content: ContentDigest = digest(result.pdf)
    done = deposit(life.archive, Deposit(depositor, result.name, metadata, path, content))
    assert done.record.state is RecordState.STORED
    return done.record.id


def the_store_refuses(life: Life, record_id: RecordId, why: str) -> None:
    """The service's own credentials cannot delete anything of a record that is locked or held."""
    objects = list(life.archive.store.list_under(record_prefix(record_id)))
    assert objects
    for one in objects:
        with pytest.raises(Conflict):
            life.archive.store.delete(one.key, one.version)
    assert list(life.archive.store.list_under(record_prefix(record_id))) == objects, why


def goes(life: Life, record_id: RecordId, stays: RecordId | None) -> None:
    """Propose what is due, vote, approve, carry out; the certificate convinces somebody who trusts nobody here."""
    council = {name: life.person(name, Role.ARCHIVIST) for name in ("an", "binh", "chi")}
    asked = ProposalRequest(life.manager, "Hồ sơ hết thời hạn", Selection(Action.DESTROY), frozenset(council))
    proposal = propose(life.archive, asked).disposal
    assert [one.record_id for one in items(life, proposal.id)] == [record_id]
    for member in council.values():
        vote(life.archive, member, proposal.id, Vote.AGREE)
    approve(life.archive, life.person("minh", Role.MANAGER), proposal.id)
    life.work()
    [item] = items(life, proposal.id)
    assert item.state is ItemState.DISPOSED, item.obstacle
    assert list(life.archive.store.list_under(record_prefix(record_id))) == []
    assert [one.key for one in life.archive.store.list_under(tombstone_key(record_id))] == [tombstone_key(record_id)]
    assert life.record(record_id).state is RecordState.DISPOSED
    auditor = life.person("thu", Role.AUDITOR)
    found = {hit.record.id for hit in find(life.archive, auditor, Search("bao hiem")).hits}
    assert found == ({stays} if stays is not None else set())
    life.clock.forward(dt.timedelta(hours=2))
    stamp(life.archive)
    the_certificate_convinces(life, auditor, proposal.id)


def items(life: Life, disposal_id: str) -> list[DisposalItem]:
    return [one.item for one in list_items(life.archive, life.manager, ItemSelection(disposal_id))]


def the_certificate_convinces(life: Life, auditor: Caller, disposal_id: str) -> None:
    package = life.folder / f"{disposal_id}.zip"
    with disposal_package(life.archive, auditor, disposal_id) as given:
        package.write_bytes(b"".join(given.blocks()))
    folder = unpacked(package.read_bytes(), life.folder / f"unpacked-{disposal_id}")
    own = ["--log-key", str(folder / "data/trust/log.vkey")]
    for kind in ("tsa", "agency"):
        own += [word for root in (folder / "data/trust" / kind).glob("*") for word in (f"--{kind}-root", str(root))]
    # Nobody witnessed this log: 2 says that this could not be told, and nothing else is wrong.
    assert archive_verify([str(package), *own, "--json"], life.clock.now()) == 2
    changed = life.folder / "changed.zip"
    content = bytearray(package.read_bytes())
    content[content.index(b'"disposed"') + 2] ^= 1
    changed.write_bytes(content)
    assert archive_verify([str(changed), *own], life.clock.now()) == 1
