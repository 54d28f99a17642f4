"""The API over an archive whose parts a test can reach, switch off and look into: real register, staging and index."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from werkzeug.test import Client, TestResponse

from archive_service.api.app import create_app
from archive_service.bootstrap import SystemRandomness
from archive_service.errors import unavailable
from archive_service.lifecycle.disposal.execute import execute
from archive_service.lifecycle.disposal.finish import finish_disposals
from archive_service.lifecycle.enrich import enrich
from archive_service.lifecycle.index import index_records
from archive_service.lifecycle.keys import OPERATOR, KeyRequest, create_key
from archive_service.lifecycle.log.seal import seal_log
from archive_service.lifecycle.reference import load_reference
from archive_service.lifecycle.retention.decide import decide_records
from archive_service.lifecycle.retention.decide_all import decide_all
from archive_service.lifecycle.seal import seal
from archive_service.model.archive import Archive, Rules
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.jobs import JobKind
from archive_service.model.permissions import Role
from archive_service.model.ports import IndexBuild, Register, SearchIndex
from archive_service.model.query import IndexDocument, SearchPage, SearchQuery
from archive_service.model.units import RegisterUnit
from archive_service.search.index_url import open_index
from archive_service.storage.reference_files import read_reference
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.register.schema import upgrade_schema
from archive_service.storage.staging import Staging
from tests.fakes.log_signer import signer
from tests.fakes.memory_store import MemoryStore
from tests.fakes.pdf_reader import FakePdfReader
from tests.fakes.sealer import FakeSealer
from tests.fakes.witness import WITNESS_KEY

T = TypeVar("T")

REFERENCE = Path(__file__).resolve().parents[2] / "examples" / "reference"
PROVINCE = "BHXH-79"
OFFICE = "BHXH-79-01"
OTHER_OFFICE = "BHXH-01-05"
NAME = "Nguyễn Văn Đức"
NUMBER = "0123456789"

METADATA: Mapping[str, Any] = {
    "office": OFFICE,
    "result_type": "KQ.G15.000031",
    "procedure": "1.011442.000.00.00.H38",
    "subject": {
        "kind": "person",
        "name": NAME,
        "birth_date": "1961-05-02",
        "identifiers": [{"scheme": "social-insurance", "number": NUMBER}],
    },
    "dossier_code": "000.00.00.H41-210301-0042",
    "document_number": "1234",
    "document_notation": "QĐ-BHXH",
    "issued_on": "2021-03-01",
    "summary": "Về việc hưởng lương hưu hằng tháng",
    "trust": "digitised",
    "channel": "direct",
}


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.instant = dt.datetime(2026, 11, 23, 5, 4, 3, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.instant

    def forward(self, **by: float) -> None:
        self.instant += dt.timedelta(**by)


class SwitchableRegister:
    """A real register that can be down."""

    def __init__(self, register: SqlRegister) -> None:
        self._register: Register = register
        self.down = False

    def write(self, work: Callable[[RegisterUnit], T]) -> T:
        self._require_up()
        return self._register.write(work)

    def read(self, work: Callable[[RegisterUnit], T]) -> T:
        self._require_up()
        return self._register.read(work)

    def check_ready(self) -> None:
        self._require_up()
        self._register.check_ready()

    def _require_up(self) -> None:
        if self.down:
            raise unavailable("register")


class SwitchableIndex:
    """A real index that can be down."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self.down = False

    def put(self, documents: Iterable[IndexDocument]) -> None:
        self._up().put(documents)

    def remove(self, record_ids: Iterable[RecordId]) -> None:
        self._up().remove(record_ids)

    def search(self, query: SearchQuery) -> SearchPage:
        return self._up().search(query)

    def count(self) -> int:
        return self._up().count()

    def record_ids(self) -> Iterator[RecordId]:
        return self._up().record_ids()

    def build(self, name: str) -> IndexBuild:
        return self._up().build(name)

    def check_ready(self) -> None:
        self._up().check_ready()

    def _up(self) -> SearchIndex:
        if self.down:
            raise unavailable("index")
        return self._index


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    name: str
    content: bytes
    media_type: str | None = None
    file_name: str | None = None


def multipart(parts: Sequence[Part], boundary: str = "limit-of-a-part") -> tuple[bytes, str]:
    """Return a multipart/form-data body and its content type (RFC 7578)."""
    body = b""
    for part in parts:
        name = f'; filename="{part.file_name}"' if part.file_name else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{name}\r\n'.encode()
        body += f"Content-Type: {part.media_type}\r\n".encode() if part.media_type else b""
        body += b"\r\n" + part.content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def a_pdf(words: str = "one") -> bytes:
    """Return bytes that the fake reader takes for a PDF; other words make other bytes."""
    return b"%PDF-1.7\n" + words.encode() + b"\n%%EOF\n"


def metadata(**changes: Any) -> dict[str, Any]:
    """Return whole metadata with some fields changed."""
    return {**METADATA, **changes}


def person(number: str, name: str = NAME) -> dict[str, Any]:
    """Return a subject with one social-insurance number."""
    return {"kind": "person", "name": name, "identifiers": [{"scheme": "social-insurance", "number": number}]}


class ApiCaller:
    """Asks the API with one key."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self._client = Client(app)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, headers: Mapping[str, str] | None = None, **settings: Any) -> TestResponse:
        return self.ask("GET", path, headers=headers, **settings)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self.ask("POST", path, json=body, headers=headers)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **settings: Any) -> TestResponse:
        return self._client.open(path, method=method, headers={**self._headers, **(headers or {})}, **settings)

    def deposit(
        self,
        pdf: bytes | None = None,
        said: Mapping[str, Any] | None = None,
        *,
        key: str | None = "key-1",
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        described = json.dumps(METADATA if said is None else said).encode()
        parts = [
            Part("metadata", described, "application/json"),
            Part("file", a_pdf() if pdf is None else pdf, "application/pdf", "a.pdf"),
        ]
        return self.send(parts, key=key, headers=headers)

    def send(
        self, parts: Sequence[Part], *, key: str | None = "key-1", headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        body, content_type = multipart(parts)
        named = {"Idempotency-Key": key} if key is not None else {}
        everything = {**named, **(headers or {})}
        return self.ask("POST", "/api/v1/records", data=body, content_type=content_type, headers=everything)


@dataclass
class Service:
    """An open archive with the API over it."""

    archive: Archive
    app: Flask
    register: SwitchableRegister
    store: MemoryStore
    index: SwitchableIndex
    pdf: FakePdfReader
    clock: MovableClock
    staging_folder: Path
    _tokens: dict[tuple[str, tuple[Role, ...], str | None], str] = field(default_factory=dict)

    def caller(self, *roles: Role, office: str = PROVINCE, account: str | None = None) -> ApiCaller:
        """Return a caller with a key of that office and those roles; of a person's account where one is named."""
        return ApiCaller(self.app, self.token(*roles, office=office, account=account))

    def token(self, *roles: Role, office: str = PROVINCE, account: str | None = None) -> str:
        """Return a key of that office, those roles and that account, made at the first time."""
        named = office, roles, account
        if named not in self._tokens:
            request = KeyRequest("test", OfficeCode(office), frozenset(roles), dt.timedelta(days=365), account)
            self._tokens[named] = create_key(self.archive, request).token
        return self._tokens[named]

    def nobody(self) -> ApiCaller:
        """Return a caller without a key."""
        return ApiCaller(self.app, None)

    def staged_files(self) -> list[Path]:
        """Return what lies in the staging folder."""
        return list(self.staging_folder.iterdir())

    def work_off(self) -> None:
        """Do all follow-up work that is due, as a worker does."""
        while decide_all(self.archive) is not None:
            pass
        for kind in (JobKind.ENRICH, JobKind.SEAL, JobKind.INDEX, JobKind.RETAIN):
            now = self.clock.now()
            jobs = self.archive.register.write(
                lambda unit, kind=kind, now=now: unit.jobs.claim([kind], 100, now, now + dt.timedelta(minutes=1))  # type: ignore[misc]
            )
            if kind is JobKind.INDEX and jobs:
                index_records(self.archive, [job.record_id for job in jobs])
            elif kind is JobKind.RETAIN:
                decide_records(self.archive, [job.record_id for job in jobs])
            elif kind is JobKind.ENRICH:
                for job in jobs:
                    enrich(self.archive, job.record_id)
            elif kind is JobKind.SEAL:
                for job in jobs:
                    seal(self.archive, job.record_id)
            self.archive.register.write(lambda unit, jobs=jobs: [unit.jobs.done(job) for job in jobs])  # type: ignore[misc]

    def dispose(self) -> None:
        """Carry out approved disposals to their certificates and publish the log, as a worker does."""
        finish_disposals(self.archive)
        now = self.clock.now()
        jobs = self.archive.register.write(
            lambda unit: unit.jobs.claim([JobKind.DISPOSE], 1000, now, now + dt.timedelta(minutes=1))
        )
        for job in jobs:
            execute(self.archive, job.record_id)
            self.archive.register.write(lambda unit, job=job: unit.jobs.done(job))  # type: ignore[misc]
        self.work_off()
        finish_disposals(self.archive)
        seal_log(self.archive)

    def count_records(self) -> int:
        """Return how many records the register holds."""
        return self.archive.register.read(lambda unit: unit.records.count())


@contextmanager
def open_service(folder: Path, register_url: str | None = None, rules: Rules | None = None) -> Iterator[Service]:
    """Open an archive with the example reference data in a folder, and the API over it."""
    sql = SqlRegister(register_url or f"sqlite:///{folder / 'register.sqlite'}", SystemRandomness(), pool_size=4)
    try:
        upgrade_schema(sql.engine)
        clock = MovableClock()
        register, store, pdf = SwitchableRegister(sql), MemoryStore(clock), FakePdfReader()
        index = SwitchableIndex(open_index(f"embedded:{folder / 'index'}", name="records"))
        archive = Archive(
            register=register,
            store=store,
            index=index,
            pdf=pdf,
            staging=Staging(folder / "staging"),
            clock=clock,
            randomness=SystemRandomness(),
            signer=signer(),
            rules=rules or Rules(max_file_bytes=1_000_000),
            witnesses=(WITNESS_KEY,),
            sealer=FakeSealer(),
        )
        load_reference(archive, read_reference(REFERENCE), OPERATOR)
        app = create_app(archive, max_metadata_bytes=16_384)
        yield Service(archive, app, register, store, index, pdf, clock, folder / "staging")
    finally:
        sql.close()
