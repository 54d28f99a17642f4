"""Archives on real registers and stores that lose one of them, and the history that fills them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from archive_service.bootstrap import SystemRandomness
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.deposit import Deposit, deposit
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.review import reject, release
from archive_service.lifecycle.subjects import merge_subjects
from archive_service.model.archive import Archive
from archive_service.model.findings import FindingCode
from archive_service.model.identifiers import RecordId
from archive_service.model.inspection import SignatureFact
from archive_service.model.jobs import JobKind
from archive_service.model.permissions import Caller, Role
from archive_service.model.record import Record, Relation, RelationKind
from archive_service.model.signatures import Changes, CheckedSignature, Coverage, SignatureReport
from archive_service.search.embedded import EmbeddedIndex
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from archive_service.storage.staging import Staging
from archive_service.storage.store_url import open_store
from tests import servers
from tests.contracts.object_store import SystemClock
from tests.fakes.log_signer import signer
from tests.fakes.pdf_reader import ONE_PAGE, FakePdfReader
from tests.results import DA_NANG, REFERENCE, citizen, digest, insurance, metadata, pdf, person

COLUMNS = ("embedded", "servers")
WITH_SCRIPT = dataclasses.replace(ONE_PAGE, active_content=(FindingCode.JAVASCRIPT,))
SIGNED = dataclasses.replace(ONE_PAGE, signatures=(SignatureFact("ChuKySo", "ETSI.CAdES.detached", True),))
SIGNATURE = CheckedSignature(
    field="ChuKySo", readable=True, ades=None, bottom_line=True, coverage=Coverage.WHOLE_FILE, changes=Changes.NONE
)


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a register and a store are."""

    register: str
    store: str


def fresh_urls(column: str, folder: Path, request: pytest.FixtureRequest) -> Urls:
    """Return an empty register and store of a column: "embedded" or "servers"."""
    folder.mkdir(exist_ok=True)
    if column == "embedded":
        return Urls(f"sqlite:///{folder / 'register.sqlite'}", f"file:{folder / 'objects'}")
    bucket = f"{request.getfixturevalue('minio_url')}/{servers.unique_name('bucket')}"
    return Urls(request.getfixturevalue("postgresql_url"), bucket)


@dataclass(frozen=True, slots=True)
class Place:
    """An open archive, and what a test does with it."""

    archive: Archive
    register: SqlRegister
    pdf: FakePdfReader
    clock: SystemClock
    folder: Path
    urls: Urls

    def caller(self, *roles: Role) -> Caller:
        """Return a caller of Đà Nẵng with its subtree."""
        offices = self.register.read(lambda unit: unit.reference.subtree(DA_NANG))
        return Caller("key:test", DA_NANG, offices, frozenset(roles))

    def command(self, words: str, key: str, **said: Any) -> Deposit:
        """Return a deposit of a document with these words."""
        content = pdf(words)
        path = self.folder / f"{hashlib.sha256(content).hexdigest()}.upload"
        path.write_bytes(content)
        return Deposit(self.caller(Role.DEPOSITOR), key, metadata(**said), path, digest(content))

    def deposit(self, number: int, **said: Any) -> Record:
        """Deposit the document of that number."""
        return deposit(self.archive, self.command(f"document {number}", f"key-{number}", **said)).record

    def work(self) -> None:
        """Do all follow-up work."""
        while jobs := self.register.write(
            lambda unit: unit.jobs.claim(list(JobKind), 50, self.clock.now(), self.clock.now())
        ):
            for job in jobs:
                match job.kind:
                    case JobKind.ENRICH:
                        enrich(self.archive, job.record_id)
                    case JobKind.INDEX:
                        index_records(self.archive, [job.record_id])
                    case JobKind.DISPOSE:
                        execute(self.archive, job.record_id)
                self.register.write(lambda unit, job=job: unit.jobs.done(job))  # type: ignore[misc]

    def records(self) -> dict[RecordId, Record]:
        """Return every record by its id."""
        with self.register.engine.connect() as connection:
            ids = [RecordId(row[0]) for row in connection.execute(sa.text("SELECT id FROM records ORDER BY id"))]
        return self.register.read(lambda unit: unit.records.get_many(ids))

    def objects(self) -> list[tuple[str, str, int]]:
        """Return key, version and size of everything in the store but canaries."""
        listed = self.archive.store.list_under("")
        return [(o.key, o.version, o.stored.size_bytes) for o in listed if not o.key.startswith("canary/")]


@contextmanager
def open_place(urls: Urls, folder: Path, *, upgrade: bool = True) -> Iterator[Place]:
    """Open an archive on a register and a store; what it keeps beside them lies in ``folder``."""
    folder.mkdir(exist_ok=True)
    clock, reader = SystemClock(), FakePdfReader()
    register = SqlRegister(urls.register, SystemRandomness())
    if upgrade:
        upgrade_schema(register.engine)
    index = EmbeddedIndex(folder / "index")
    archive = Archive(
        register=register,
        store=open_store(urls.store, lock_mode="governance", clock=clock),
        index=index,
        pdf=reader,
        staging=Staging(folder / "staging"),
        clock=clock,
        randomness=SystemRandomness(),
        signer=signer(),
    )
    try:
        yield Place(archive, register, reader, clock, folder, urls)
    finally:
        index.close()
        register.close()


def lose_register(place: Place) -> None:
    """Drop every table and what guards them, as if the database had never been."""
    with place.register.engine.connect().execution_options(archive_writes=True) as connection, connection.begin():
        if place.register.is_sqlite:
            found = sa.text("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            for (name,) in connection.execute(found).all():
                connection.execute(sa.text(f'DROP TABLE "{name}"'))
            return
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


@dataclass(frozen=True, slots=True)
class History:
    """What the archive of ``live`` went through, by record."""

    plain: Record
    corrected: Record
    replacing: Record
    waiting: Record
    released: Record
    rejected: Record
    merged: Record


def live(place: Place, corrections: int = 1) -> History:
    """Let the archive live: deposits, one signed, corrections, a relation, quarantines decided each way, a merge."""
    load_reference(place.archive, REFERENCE, "operator")
    archivist = place.caller(Role.ARCHIVIST)
    place.pdf.inspections[pdf("document 1")] = SIGNED
    place.pdf.reports[pdf("document 1")] = SignatureReport(place.clock.now(), (SIGNATURE,))
    plain = place.deposit(1, subject=person(insurance("1000000001")))
    corrected = place.deposit(2, subject=person(insurance("1000000002"), citizen("012345678901")))
    for number in range(corrections):
        said = dataclasses.replace(corrected.metadata, signer=f"Lê Văn {number}")
        corrected = correct(place.archive, Correction(archivist, corrected.id, said, "ghi sai", corrected.etag))
    replacing = place.deposit(
        3, subject=person(insurance("1000000001")), relations=(Relation(RelationKind.REPLACES, plain.id),)
    )
    place.pdf.facts = WITH_SCRIPT
    waiting, released, rejected = (
        place.deposit(number, subject=person(insurance(f"200000000{number}"))) for number in (4, 5, 6)
    )
    release(place.archive, archivist, released.id, "đã xem")
    reject(place.archive, archivist, rejected.id, "không phải kết quả")
    place.pdf.facts = ONE_PAGE
    merged = place.deposit(7, subject=person(insurance("3000000001")))
    merge_subjects(place.archive, archivist, insurance("1000000001"), insurance("3000000001"), "một người")
    place.work()
    return History(plain, corrected, replacing, waiting, released, rejected, merged)
