"""An archive for tests of its steps: a real register and index in a folder, a store in memory, a movable clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from archive_service.lifecycle.deposit import Deposit, Deposited, deposit
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.retention.decide import decide_records
from archive_service.lifecycle.seal import seal
from archive_service.model.archive import Archive, Rules
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import Job, JobKind
from archive_service.model.permissions import Caller, Role
from archive_service.model.policy import FindingPolicy
from archive_service.model.ports import Register, SearchIndex
from archive_service.model.record import Record
from archive_service.search.embedded import EmbeddedIndex
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from archive_service.storage.staging import Staging
from tests.fakes.clock import MovableClock
from tests.fakes.faults import Faults
from tests.fakes.log_signer import signer
from tests.fakes.memory_store import MemoryStore
from tests.fakes.pdf_reader import FakePdfReader
from tests.fakes.randomness import CountedRandomness
from tests.fakes.sealer import FakeSealer
from tests.results import DA_NANG, REFERENCE, digest, metadata, pdf


@dataclass(frozen=True, slots=True)
class TestArchive:
    """The archive, the parts a test looks into, and what it does often."""

    __test__ = False

    archive: Archive
    register: SqlRegister  # itself: what a test looks at is neither counted nor made to fail
    store: MemoryStore
    pdf: FakePdfReader
    sealer: FakeSealer
    clock: MovableClock
    faults: Faults
    folder: Path

    def caller(self, *roles: Role, office: OfficeCode = DA_NANG, name: str = "") -> Caller:
        """Return a caller of an office with its subtree."""
        offices = self.register.read(lambda unit: unit.reference.subtree(office))
        return Caller(name or f"key:{office}-{'-'.join(roles)}", office, offices, frozenset(roles))

    @property
    def depositor(self) -> Caller:
        """The one-stop system of Đà Nẵng."""
        return self.caller(Role.DEPOSITOR)

    @property
    def archivist(self) -> Caller:
        """An archivist of Đà Nẵng."""
        return self.caller(Role.ARCHIVIST)

    @property
    def auditor(self) -> Caller:
        """An auditor of Đà Nẵng: sees everything there, changes nothing."""
        return self.caller(Role.AUDITOR)

    def command(
        self, content: bytes | None = None, key: str = "key-1", caller: Caller | None = None, **said: Any
    ) -> Deposit:
        """Return a deposit of the bytes, staged in a file."""
        content = pdf() if content is None else content
        path = self.folder / f"{hashlib.sha256(content).hexdigest()}.upload"
        path.write_bytes(content)
        return Deposit(caller or self.depositor, key, metadata(**said), path, digest(content))

    def deposit(
        self, content: bytes | None = None, key: str = "key-1", caller: Caller | None = None, **said: Any
    ) -> Deposited:
        """Deposit the bytes and return the answer."""
        return deposit(self.archive, self.command(content, key, caller, **said))

    def stored(self, number: int = 1, **said: Any) -> Record:
        """Deposit another document and return its record."""
        return self.deposit(pdf(f"document {number}"), f"key-{number}", **said).record

    def get(self, record_id: RecordId) -> Record:
        """Return the record as the register has it now."""
        found = self.register.read(lambda unit: unit.records.get(record_id))
        if found is None:
            raise AssertionError(f"no record {record_id}")
        return found

    def change_as_owner(self, *statements: str, **values: object) -> None:
        """Change the database as its owner can, past every guard."""
        with self.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
            guards = sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for name in connection.execute(guards).scalars().all():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
            for statement in statements:
                connection.execute(sa.text(statement), values)

    def work(self) -> list[JobKind]:
        """Do all follow-up work that is due, one piece after another; return what was done."""
        done = []
        while jobs := self._take():
            for job in jobs:
                match job.kind:
                    case JobKind.ENRICH:
                        enrich(self.archive, job.record_id)
                    case JobKind.SEAL:
                        seal(self.archive, job.record_id)
                    case JobKind.RETAIN:
                        decide_records(self.archive, [job.record_id])
                    case JobKind.INDEX:
                        index_records(self.archive, [job.record_id])
                    case JobKind.DISPOSE:
                        execute(self.archive, job.record_id)
                self.register.write(lambda unit, job=job: unit.jobs.done(job))  # type: ignore[misc]
                done.append(job.kind)
        return done

    def _take(self) -> list[Job]:
        now = self.clock.now()
        return self.register.write(lambda unit: unit.jobs.claim(list(JobKind), 10, now, now))

    def events(self, *types: EventType) -> list[Event]:
        """Return what was logged, in order; of these types where some are named."""
        logged = self.register.read(lambda unit: unit.log.entries(0, 10_000))
        return [one.event for one in logged if one.event and (not types or one.event.type in types)]

    def objects(self, prefix: str = "") -> list[str]:
        """Return the key of everything in the store under the prefix."""
        return [stored.key for stored in self.store.list_under(prefix)]

    def content_of(self, key: str) -> bytes:
        """Return the bytes of the object of that key."""
        for stored in self.store.list_under(key):
            with self.store.read(stored.key, stored.version) as blocks:
                return b"".join(blocks)
        raise AssertionError(f"no object {key}")


@contextmanager
def open_test_archive(folder: Path, rules: Rules | None = None) -> Iterator[TestArchive]:
    """Give an archive with the example offices and types loaded, in an empty folder."""
    clock, faults = MovableClock(), Faults()
    store, reader, sealer = MemoryStore(clock), FakePdfReader(), FakeSealer()
    register = SqlRegister(f"sqlite:///{folder / 'register.sqlite'}", CountedRandomness("salt"))
    upgrade_schema(register.engine)
    index = EmbeddedIndex(folder / "index")
    watched: Register = faults.watch("register", register)
    watched_index: SearchIndex = faults.watch("index", index)
    archive = Archive(
        register=watched,
        store=faults.watch("store", store),
        index=watched_index,
        pdf=faults.watch("pdf", reader),
        staging=Staging(folder / "staging"),
        clock=clock,
        randomness=CountedRandomness("archive"),
        signer=signer(),
        policy=FindingPolicy(),
        rules=rules or Rules(),
        sealer=faults.watch("sealer", sealer),
    )
    load_reference(archive, REFERENCE, "operator")
    faults.heal()
    try:
        yield TestArchive(archive, register, store, reader, sealer, clock, faults, folder)
    finally:
        faults.heal()
        index.close()
        register.close()
