"""A place where the service is run and broken: settings, a key, results to deposit, what it must hold at the end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx

from archive_service.bootstrap import open_archive, upgrade_register
from archive_service.lifecycle.keys import OPERATOR, KeyRequest, create_key
from archive_service.lifecycle.reference import load_reference
from archive_service.model.archive import Archive
from archive_service.model.events import EventType
from archive_service.model.identifiers import OfficeCode, RecordId
from archive_service.model.permissions import Role
from archive_service.model.record import Record, SearchState
from archive_service.model.units import RecordSelection, RegisterUnit
from archive_service.settings import Settings
from archive_service.storage.digests import digest_of_blocks
from archive_service.storage.reference_files import read_reference
from examples.results import ExampleResult, Form, make_results
from tests.faults import warm
from tests.running import PROJECT, RunningService, deposit_parts, wait_for

# A dead worker's work is taken up again soon, and one thing is done at a time, so that calls come in order.
QUICK = {"ARCHIVE_JOB_LEASE_SECONDS": "6", "ARCHIVE_WORKER_PROCESSES": "1", "ARCHIVE_CHECKER_PROCESSES": "2"}

# Work whose worker was killed waits for its claim to run out; other tests use the same two cores.
SEARCHABLE_SECONDS = 110.0


# A start on busy cores, where others have more right to them, and the wait for work that a killed worker had claimed.
COMMAND_SECONDS = 150


@dataclass(slots=True)
class Traps:
    """The points at which threads of a process wait for its end."""

    folder: Path
    armed: int = 0

    def arm(self, point: str, thread: str = "") -> None:
        """Let the next thread of a name that begins so, and that makes a call, wait at the point."""
        self.armed += 1
        (self.folder / f"{self.armed}-{thread}@{point}.armed").touch()

    def wait_until_held(self) -> None:
        """Wait until a thread waits at every point."""
        wait_for("every thread waits", lambda: len(list(self.folder.glob("*.held"))) == self.armed)


@dataclass
class Place:
    """An archive with the example reference data, a key that may do everything, and what was answered so far."""

    settings: dict[str, str]
    folder: Path
    key: str = ""
    answered: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What a request must carry."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def register_file(self) -> Path:
        """Where the embedded register lies."""
        return Path(self.settings["ARCHIVE_DATA_DIR"]) / "register.sqlite"

    def prepare(self) -> None:
        """Make the register's tables, load the reference data, and make the key."""
        upgrade_register(self._settings())
        with self.archive() as archive:
            load_reference(archive, read_reference(PROJECT / "examples" / "reference"), OPERATOR)
            request = KeyRequest("faults", OfficeCode("BHXH"), frozenset(Role), dt.timedelta(days=1))
            self.key = create_key(archive, request).token

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        """Open the archive's parts in this process, beside the service."""
        with open_archive(self._settings(), pdf_processes=1) as archive:
            yield archive

    def service(self, *options: str, **more: str) -> RunningService:
        """Return a service on this place, not yet started; ``more`` are settings of its own."""
        return RunningService({**self.settings, **more}, self.folder / "serve.log", options=options)

    @contextmanager
    def running(self, *options: str, **more: str) -> Iterator[RunningService]:
        """Run a service on this place; every process of it is gone at the end."""
        service = self.service(*options, **more)
        try:
            service.start()
            yield service
        finally:
            service.kill()

    def run_until_killed(self, point: str, *arguments: str) -> None:
        """Run a command that must die at the point."""
        settings = {**self.settings, "ARCHIVE_KILL_AT": point}
        process = warm.start(arguments, settings, self.folder / "commands.log")
        process.join(COMMAND_SECONDS)
        ended = process.exitcode
        if ended is None:
            process.kill()
        assert ended == -signal.SIGKILL, f"{point} was never reached: {ended}"

    def traps(self) -> Traps:
        """Return traps in a folder of their own."""
        return Traps(Path(tempfile.mkdtemp(prefix="traps-", dir=self.folder)))

    def start_trapped(self, traps: Traps, threads: int, *arguments: str) -> BaseProcess:
        """Start a command with so many threads that may be made to wait."""
        settings = {"ARCHIVE_WORKER_PROCESSES": str(threads), **trapped(traps, threads)}
        return warm.start(arguments, {**self.settings, **settings}, self.folder / "commands.log")

    def client(self, service: RunningService) -> httpx.Client:
        """Return a client of that service, with the key."""
        return httpx.Client(
            base_url=f"{service.url}/api/v1",
            headers=self.headers,
            timeout=120,
            limits=httpx.Limits(max_connections=None),
        )

    def deposit(self, http: httpx.Client, result: ExampleResult, key: str | None = None) -> httpx.Response:
        """Deposit once, and remember the record of an answer: from now on it must never be lost."""
        name = key or result.name
        parts = deposit_parts(result.pdf, result.metadata)
        answer = http.post("/records", files=parts, headers={"Idempotency-Key": name})
        if answer.status_code == 201:
            told = answer.json()["id"]
            assert self.answered.setdefault(name, told) == told, "a key was answered with two records"
        return answer

    def deposit_surely(self, http: httpx.Client, result: ExampleResult) -> httpx.Response:
        """Deposit, and insist that it is taken."""
        answer = self.deposit(http, result)
        assert answer.status_code == 201, answer.text
        return answer

    def wait_until_searchable(self, seconds: float = SEARCHABLE_SECONDS) -> None:
        """Wait until every record can be found and no work is left."""
        with self.archive() as archive:

            def is_done() -> bool:
                return archive.register.read(lambda unit: not unit.jobs.counts())

            wait_for("no work is left", is_done, seconds)

    def problems(self, *, searchable: bool = True) -> list[str]:
        """Return everything that is wrong with what the archive holds, as sentences; none when it is sound.

        Every deposit must have been repeated until it was answered.
        """
        with self.archive() as archive:
            return list(_problems(archive, self.answered, searchable=searchable))

    def _settings(self) -> Settings:
        named = {name.removeprefix("ARCHIVE_").lower(): value for name, value in self.settings.items()}
        return Settings.model_validate(named)


def trapped(traps: Traps, threads: int) -> dict[str, str]:
    """Return the settings of a process with traps: threads for so many deposits of one caller, who may have half of them."""
    return {"ARCHIVE_KILL_AT": str(traps.folder), "ARCHIVE_WEB_THREADS": str(2 * threads + 4)}


def results(seed: int) -> Iterator[ExampleResult]:
    """Yield one-page results with a text layer, each with bytes and a name of its own, without end."""
    for batch in itertools.count(seed * 1000):
        for result in make_results(seed=batch, count=25, forms=(Form.BORN_DIGITAL,)):
            yield dataclasses.replace(result, name=f"{batch}-{result.name}")


def _problems(archive: Archive, answered: Mapping[str, str], *, searchable: bool) -> Iterator[str]:
    records = {record.id: record for record in archive.register.read(_all_records)}
    told = Counter(answered.values())
    yield from (f"record {one} was answered for and is not in the register" for one in told if one not in records)
    yield from (f"record {one} is there and was never answered for" for one in records if one not in told)
    yield from (f"record {one} was answered to {count} keys" for one, count in told.items() if count > 1)
    yield from _problems_of_store(archive, records)
    yield from _problems_of_log(archive, records)
    if searchable:
        yield from _problems_of_index(archive, records)


def _problems_of_store(archive: Archive, records: Mapping[RecordId, Record]) -> Iterator[str]:
    wanted = {
        key
        for record in records.values()
        for key in (record.original.key, *(f"records/{record.id}/metadata/{n}" for n in _versions(record)))
    }
    stored = Counter(one.key for one in archive.store.list_under("records/"))
    yield from (f"object {key} belongs to no record" for key in stored if key.split("/")[1] not in records)
    yield from (f"object {key} is missing" for key in wanted if key not in stored)
    yield from (f"object {key} is there {count} times" for key, count in stored.items() if count > 1)
    for record in records.values():
        if record.original.key in stored:
            with archive.store.read(record.original.key, record.original.version) as blocks:
                if digest_of_blocks(blocks) != record.content:
                    yield f"the original of {record.id} has other bytes than those recorded"


def _problems_of_log(archive: Archive, records: Mapping[RecordId, Record]) -> Iterator[str]:
    entries, size = archive.register.read(lambda unit: (unit.log.entries(0, 1_000_000), unit.log.size()))
    indexes = [entry.index for entry in entries]
    if indexes != list(range(size)):
        yield f"the log has gaps: {len(indexes)} entries, and its head says {size}"
    deposited = Counter(one.event.record_id for one in entries if one.event and one.event.type is EventType.DEPOSITED)
    yield from (f"record {one} has {deposited[one]} entries of its deposit" for one in records if deposited[one] != 1)


def _problems_of_index(archive: Archive, records: Mapping[RecordId, Record]) -> Iterator[str]:
    indexed = Counter(archive.index.record_ids())
    yield from (f"record {one} is in the index {indexed[one]} times" for one in records if indexed[one] != 1)
    yield from (f"{one} is in the index and not in the register" for one in indexed if one not in records)
    for record in records.values():
        if record.search_state is not SearchState.SEARCHABLE:
            yield f"record {record.id} is {record.search_state}: {record.search_problem}"
    if work := archive.register.read(lambda unit: unit.jobs.counts()):
        yield f"work is left: {work}"


def _all_records(unit: RegisterUnit) -> list[Record]:
    ids = unit.records.ids(RecordSelection(None, limit=1_000_000))
    return list(unit.records.get_many(ids).values())


def _versions(record: Record) -> range:
    return range(1, record.metadata_version + 1)
