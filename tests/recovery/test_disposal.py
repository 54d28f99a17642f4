"""A disposal on real registers and stores: locks end by the store's own clock, and nothing but a tombstone is left."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from archive_service.errors import Unavailable
from archive_service.lifecycle.audit.records import replay_tombstones
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.disposal.execute import Waiting, execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.rebuild_register import RebuildRequest, rebuild_register
from archive_service.lifecycle.reference import load_reference
from archive_service.model.audits import AuditOutcome
from archive_service.model.disposals import ItemState
from archive_service.model.events import EventType
from archive_service.model.objects import certificate_key, certificate_paper_key, tombstone_key
from archive_service.model.ports import NewObject, ObjectStore
from archive_service.model.record import ContentDigest, ObjectVersion, RecordState
from tests.archives import TestArchive
from tests.disposing import Disposals
from tests.fakes.sealer import FakeSealer
from tests.recovery.places import Place, lose_register
from tests.results import REFERENCE

LOCKED = dt.timedelta(seconds=4)


class ShortLocks:
    """A store that locks what is under records for some seconds only, so that a test lives to see the end of it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Put with a short lock."""
        until = dt.datetime.now(dt.UTC) + LOCKED if key.startswith("records/") else lock_until
        return self._store.put(key, source, digest, until)

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Put all with short locks."""
        return tuple(self.put(one.key, one.source, one.digest, lock_until) for one in objects)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def short(place: Place) -> Place:
    """Give a place whose records' locks soon end."""
    store = cast(ObjectStore, ShortLocks(place.archive.store))
    archive = dataclasses.replace(place.archive, store=store, sealer=FakeSealer())
    load_reference(archive, REFERENCE, "operator")
    return dataclasses.replace(place, archive=archive)


def test_records_go_once_their_locks_have_ended_and_stay_gone(short: Place) -> None:
    people = Disposals(cast(TestArchive, short))
    people.prepare()
    records = [short.deposit(number) for number in (1, 2)]
    short.work()
    people.decide()
    disposal = people.approved()
    waiting = execute(short.archive, records[0].id)
    assert isinstance(waiting, Waiting)
    assert waiting.until - dt.datetime.now(dt.UTC) < LOCKED + dt.timedelta(seconds=1)
    ahead = dataclasses.replace(short.archive.rules, store_clock_bound=-dt.timedelta(seconds=1))
    with pytest.raises(Unavailable):
        execute(dataclasses.replace(short.archive, rules=ahead), records[0].id)
    time.sleep(LOCKED.total_seconds() + 2)
    short.work()
    [done] = finish_disposals(short.archive)
    assert done.disposed == 2
    assert people.states(disposal) == [ItemState.DISPOSED] * 2
    kept = [key for key, _, _ in short.objects() if not key.startswith("log/")]
    of_it = [certificate_key(disposal.id), certificate_paper_key(disposal.id)]
    assert kept == of_it + [tombstone_key(record.id) for record in records]
    assert short.archive.index.count() == 0
    seal_log(short.archive)
    run = audit(short.archive, AuditRequest(verify=True))
    assert run.counts == {AuditOutcome.INTACT: 2}
    with short.archive.store.read(
        *next((key, version) for key, version, _ in short.objects() if key == of_it[0])
    ) as it:
        said = json.loads(b"".join(it))
    entries = [one["entry"] for one in said["records"]]
    told = [short.register.read(lambda u, index=index: u.log.entries(index, 1))[0].event for index in entries]  # type: ignore[misc]
    assert [event and event.type for event in told] == [EventType.DISPOSED] * 2

    lose_register(short)
    short.register.upgrade()
    rebuilt = rebuild_register(short.archive, RebuildRequest(), lambda _passed: None)
    assert rebuilt.records == 0
    assert replay_tombstones(short.archive) == 0
    assert all(record.state is RecordState.DISPOSED for record in short.records().values())
