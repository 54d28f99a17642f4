"""Disposing of a record, killed by SIGKILL after every call: none is half gone for good, none without a certificate."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from archive_service import bootstrap
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.deposit import Deposit, deposit
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.reference import load_reference
from archive_service.model.archive import Archive
from archive_service.model.disposals import ItemState
from archive_service.model.identifiers import RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.objects import certificate_key, record_prefix, tombstone_key
from archive_service.model.permissions import Role
from archive_service.model.ports import Register
from archive_service.model.record import RecordState
from archive_service.model.units.disposals import ItemSelection
from archive_service.settings import Settings
from retention.disposal import ProposalState
from tests.archives import TestArchive
from tests.disposing import Disposals
from tests.fakes.faults import Faults
from tests.faults.disposing import carry_out
from tests.journeys.fast_time import JourneyClock
from tests.packages import plain_pdf
from tests.results import REFERENCE, digest, metadata
from tests.running import PROJECT

NOW = dt.datetime(2026, 11, 26, 2, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
_PORTS = ("register", "store", "index", "sealer")
# The calls of a disposal, at least: were there fewer, this test would not see them.
_FEWEST_CALLS = 30


@dataclass(frozen=True, slots=True)
class Approved:
    """A folder with an archive in which a disposal of one record was approved, and when that was."""

    folder: Path
    now: dt.datetime
    disposal_id: str
    record_id: RecordId


@dataclass(frozen=True, slots=True)
class Open:
    """An open archive, as tests of disposals expect one."""

    archive: Archive
    register: Register
    clock: JourneyClock


@contextmanager
def opened(folder: Path, now: dt.datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open the archive of a folder at a moment."""
    clock = JourneyClock(now, 0)
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: clock)
    monkeypatch.setenv("ARCHIVE_DATA_DIR", str(folder))
    settings = Settings()
    bootstrap.upgrade_register(settings)
    with bootstrap.open_archive(settings, pdf_processes=1) as archive:
        yield Open(archive, archive.register, clock)


@pytest.fixture
def approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Approved:
    """Let a record be deposited, fall due, and its disposal be approved; nothing is carried out yet."""
    folder = tmp_path / "approved"
    with opened(folder, NOW, monkeypatch) as ours:
        load_reference(ours.archive, REFERENCE, "operator")
        people = Disposals(cast(TestArchive, ours))
        people.prepare()
        content = plain_pdf()
        path = tmp_path / "deposited.pdf"
        path.write_bytes(content)
        depositor = people.person("one-stop", Role.DEPOSITOR)
        record = deposit(ours.archive, Deposit(depositor, "1", metadata(), path, digest(content))).record
        enrich(ours.archive, record.id)
        index_records(ours.archive, [record.id])
        jobs = ours.register.write(lambda unit: unit.jobs.claim(list(JobKind), 10, NOW + DAY, NOW + 2 * DAY))
        for job in jobs:
            ours.register.write(lambda unit, job=job: unit.jobs.done(job))  # type: ignore[misc]
        ours.clock.forward(15 * DAY)
        people.decide()
        disposal = people.approved()
        return Approved(folder, ours.clock.now(), disposal.id, record.id)


def calls_of(told: Approved, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return every call that carrying out makes, each as the point after it."""
    faults = Faults()
    with opened(folder, told.now, monkeypatch) as ours:
        watched = {name: faults.watch(name, getattr(ours.archive, name)) for name in _PORTS}
        carry_out(dataclasses.replace(ours.archive, **watched))
    counts, points = Counter[str](), []
    for call in faults.calls:
        counts[call] += 1
        points.append(f"{call}:after:{counts[call]}")
    return points


def killed(told: Approved, folder: Path, point: str) -> None:
    """Carry out in a process of its own, that is killed at the point."""
    environment = {**os.environ, "ARCHIVE_DATA_DIR": str(folder), "ARCHIVE_KILL_AT": point}
    command = [sys.executable, "-m", "tests.faults.disposing", told.now.isoformat()]
    ended = subprocess.run(command, cwd=PROJECT, env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, (point, ended.stderr.decode()[-2000:])


def is_whole_or_going(told: Approved, archive: Archive) -> None:
    """Either it is kept, served and untouched; or it is not served any more, and known to be going."""
    record = archive.register.read(lambda unit: unit.records.get(told.record_id))
    [item] = archive.register.read(lambda unit: unit.disposals.items(ItemSelection(told.disposal_id)))
    there = [one.key for one in archive.store.list_under(record_prefix(told.record_id))]
    assert record is not None
    if record.state is RecordState.STORED:
        assert item.state is ItemState.LISTED
        assert len(there) >= 2
        assert list(archive.store.list_under(tombstone_key(told.record_id))) == []
        return
    assert (record.state, item.state) in {
        (RecordState.DISPOSED, ItemState.BEGUN),
        (RecordState.DISPOSED, ItemState.DISPOSED),
    }
    if item.state is ItemState.DISPOSED:
        assert there == []
    if len(there) < 2:
        assert list(archive.store.list_under(tombstone_key(told.record_id))) != []


def is_gone_and_certified(told: Approved, archive: Archive) -> None:
    """Nothing of it is left but what must be, and the certificate's counts add up."""
    record = archive.register.read(lambda unit: unit.records.get(told.record_id))
    disposal = archive.register.read(lambda unit: unit.disposals.get(told.disposal_id))
    assert record is not None
    assert disposal is not None
    assert (record.state, disposal.state) == (RecordState.DISPOSED, ProposalState.DONE)
    assert list(archive.store.list_under("records/")) == []
    assert archive.index.count() == 0
    [certificate] = archive.store.list_under(certificate_key(told.disposal_id))
    with archive.store.read(certificate.key, certificate.version) as blocks:
        said = json.loads(b"".join(blocks))
    assert said["counts"] == {"proposed": 1, "excepted": 0, "kept": 0, "disposed": 1}
    assert said["records"][0]["record_id"] == told.record_id
    seal_log(archive)
    run = audit(archive, AuditRequest(verify=True))
    assert not run.alarm, run.listed


@pytest.mark.timeout(900)
def test_killed_after_every_call_it_is_carried_on_to_a_certificate(
    approved: Approved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = tmp_path / "once"
    shutil.copytree(approved.folder, once)
    points = calls_of(approved, once, monkeypatch)
    assert len(points) > _FEWEST_CALLS, points
    for number, point in enumerate(points[:-1]):
        folder = tmp_path / f"killed-{number}"
        shutil.copytree(approved.folder, folder)
        killed(approved, folder, point)
        with opened(folder, approved.now, monkeypatch) as ours:
            is_whole_or_going(approved, ours.archive)
            carry_out(ours.archive)
            is_gone_and_certified(approved, ours.archive)
        shutil.rmtree(folder)
