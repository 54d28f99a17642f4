"""The report of an audit is sealed as a PDF whose digest is an entry of the log; where it cannot be, it is owed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_service.bootstrap import open_archive, upgrade_register
from archive_service.errors import ArchiveError, Message, Misconfigured, unavailable
from archive_service.lifecycle.audit.printing import PaperMade, PaperOwed, print_owed
from archive_service.lifecycle.audit.run import AuditRequest, audit
from archive_service.lifecycle.diagnose import check_audit_papers
from archive_service.model.audits import AuditRun
from archive_service.model.events import EventType
from archive_service.model.paper import Paper
from archive_service.model.ports import ProofResult, Reception
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from archive_service.pdf.seal_key import SealKey, made_key
from archive_service.pdf.sealer import AgencySealer, SealSetup
from archive_service.settings import Settings
from archive_service.storage.staging import Staging
from tests.archives import TestArchive, open_test_archive
from tests.fakes.clock import START
from tests.fakes.faults import Killed
from tests.fakes.time_authority import OwnAuthority
from tests.pdf.sealing import AGENCY, FONT, LIMIT
from tests.pdf.test_seal import seal_of, text_of
from tests.results import digest

RESUMED = AuditRequest(resume=True)
DAY = dt.timedelta(days=1)
GONE = Misconfigured(Message("no key", "không có khoá"), code="seal-key-unusable")


class Seal:
    """The archive's own sealer with its key and authority; either may be out of reach."""

    def __init__(self, ours: TestArchive, reader: SandboxedPdfReader) -> None:
        self.authority = OwnAuthority(ours.folder / "authority", ours.clock)
        self.key_is_away: ArchiveError | None = None
        self._folder = ours.folder / "key"
        setup = SealSetup(self._open_key, self.authority, AGENCY, FONT, LIMIT)
        self.archive = dataclasses.replace(
            ours.archive, sealer=AgencySealer(reader, Staging(ours.folder / "sealing"), setup)
        )

    def _open_key(self) -> SealKey:
        if self.key_is_away is not None:
            raise self.key_is_away
        return made_key(self._folder, START)


@pytest.fixture
def seal(ours: TestArchive) -> Iterator[Seal]:
    reader = SandboxedPdfReader(Limits())
    yield Seal(ours, reader)
    reader.close()


def report_of(ours: TestArchive, run: AuditRun) -> bytes:
    return ours.content_of(f"audits/{run.id}/report.json")


def require_sealed(content: bytes, report_sha256: str | None, folder: Path) -> None:
    """Another library finds one valid seal over all of the paper, with a time-stamp; and the paper names the report."""
    path = folder / "paper.pdf"
    path.write_bytes(content)
    status = seal_of(path)
    assert (status.intact, status.valid) == (True, True)  # type: ignore[attr-defined]
    assert status.coverage.name == "ENTIRE_FILE"  # type: ignore[attr-defined]
    stamp = status.timestamp_validity  # type: ignore[attr-defined]
    assert (stamp.intact, stamp.valid) == (True, True)
    assert str(report_sha256) in text_of(path).replace("\r", "").replace("\n", "")


@pytest.mark.parametrize("seal_results", [True, False])
def test_the_paper_is_sealed_whether_results_are_or_not(tmp_path: Path, seal_results: bool) -> None:
    settings = Settings(data_dir=tmp_path / "data", seal_results=seal_results)
    upgrade_register(settings)
    with open_archive(settings) as archive:
        run = audit(archive, AuditRequest())
        [paper] = archive.store.list_under(f"audits/{run.id}/report.pdf")
        with archive.store.read(paper.key, paper.version) as blocks:
            content = b"".join(blocks)
        require_sealed(content, run.report_sha256, tmp_path)
        logged = archive.register.read(lambda unit: unit.log.entries(0, 100))
        [event] = [one.event for one in logged if one.event is not None and one.event.type is EventType.AUDITED]
        assert event.values["printed_sha256"] == digest(content).sha256
        assert check_audit_papers(archive).result is ProofResult.PASSED


@pytest.mark.parametrize(
    ("key_is_away", "authority_is_away", "reason"),
    [
        (unavailable("seal-key"), False, "seal-key"),
        (GONE, False, "seal-key-unusable"),
        (None, True, "time-stamp authority"),
    ],
    ids=["device", "file", "authority"],
)
def test_a_paper_that_cannot_be_sealed_is_owed_told_and_made_later(
    ours: TestArchive, seal: Seal, key_is_away: ArchiveError | None, authority_is_away: bool, reason: str
) -> None:
    seal.key_is_away, seal.authority.down = key_is_away, authority_is_away
    run = audit(seal.archive, AuditRequest())
    assert ours.objects("audits/") == [f"audits/{run.id}/report.json"]
    assert json.loads(report_of(ours, run))["paper_owed"] == reason
    [audited] = ours.events(EventType.AUDITED)
    assert (audited.values["printed_sha256"], audited.values["paper_owed"]) == (None, reason)
    told = check_audit_papers(seal.archive)
    assert (told.result, run.id in told.explanation, reason in told.explanation) == (ProofResult.FAILED, True, True)
    assert print_owed(seal.archive) == (PaperOwed(run.id, reason),)

    seal.key_is_away, seal.authority.down = None, False
    ours.clock.forward(DAY)
    [made] = print_owed(seal.archive)
    paper = ours.content_of(f"audits/{run.id}/report.pdf")
    assert made == PaperMade(run.id, digest(paper).sha256)
    require_sealed(paper, run.report_sha256, ours.folder)
    [printed] = ours.events(EventType.AUDIT_PRINTED)
    assert printed.values == {
        "audit": run.id,
        "report_sha256": digest(report_of(ours, run)).sha256,
        "printed_sha256": digest(paper).sha256,
    }
    assert check_audit_papers(seal.archive).result is ProofResult.PASSED
    assert print_owed(seal.archive) == ()


def test_a_paper_states_when_it_was_sealed_and_when_the_audit_ran(ours: TestArchive) -> None:
    ours.faults.down.add("sealer")
    audit(ours.archive, AuditRequest())
    ended_at = ours.clock.now()
    ours.faults.heal()
    ours.clock.forward(DAY)
    print_owed(ours.archive)
    [paper] = ours.sealer.papers
    assert paper.at == ended_at + DAY
    assert dict(paper.facts)["Thời gian · Time"] == "23/11/2026 08:30 – 23/11/2026 08:30"


def test_what_each_audit_owes_is_made_oldest_first(ours: TestArchive) -> None:
    ours.faults.down.add("sealer")
    owing = [audit(ours.archive, AuditRequest()).id for _ in range(3)]
    assert "3 are owed" in check_audit_papers(ours.archive).explanation
    ours.faults.heal()
    assert [one.audit_id for one in print_owed(ours.archive)] == owing
    assert [one.values["audit"] for one in ours.events(EventType.AUDIT_PRINTED)] == owing


def test_where_nothing_is_ever_sealed_a_paper_is_owed_and_that_is_no_failure(ours: TestArchive) -> None:
    without = dataclasses.replace(ours.archive, sealer=None)
    assert audit(without, AuditRequest()).paper_owed == "seal-without-time"
    assert check_audit_papers(without).result is ProofResult.INDETERMINATE
    assert check_audit_papers(ours.archive).result is ProofResult.FAILED


def test_of_two_workers_that_make_a_paper_at_once_one_is_logged(
    ours: TestArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.faults.down.add("sealer")
    run = audit(ours.archive, AuditRequest())
    ours.faults.heal()
    seal_alone = ours.sealer.seal_paper

    def seal_meanwhile(paper: Paper, out: Reception) -> None:
        monkeypatch.setattr(ours.sealer, "seal_paper", seal_alone)
        print_owed(ours.archive)
        seal_alone(paper, out)

    monkeypatch.setattr(ours.sealer, "seal_paper", seal_meanwhile)
    print_owed(ours.archive)
    assert len(ours.sealer.papers) == 2
    kept = digest(ours.content_of(f"audits/{run.id}/report.pdf")).sha256
    assert [one.values["printed_sha256"] for one in ours.events(EventType.AUDIT_PRINTED)] == [kept]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("sealer_is_down", [False, True], ids=["sealed", "owed"])
def test_killed_at_any_call_an_audit_ends_with_one_report_and_one_paper_that_names_it(
    tmp_path: Path, sealer_is_down: bool, after: bool
) -> None:
    """Also where the seal comes back between the kill and what follows."""
    calls = 1
    while True:
        folder = tmp_path / str(calls)
        folder.mkdir()
        with open_test_archive(folder) as ours:
            if sealer_is_down:
                ours.faults.down.add("sealer")
            ours.faults.kill_at, ours.faults.after = calls, after
            was_killed = _is_killed(ours, lambda: audit(ours.archive, AuditRequest()))
            ours.faults.heal()
            if was_killed:
                ours.clock.forward(DAY)
                audit(ours.archive, RESUMED)
            print_owed(ours.archive)
            _require_one_of_each(ours)
        if not was_killed:
            return
        calls += 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_an_owed_paper_is_made_and_logged_once(tmp_path: Path, after: bool) -> None:
    calls = 1
    while True:
        folder = tmp_path / str(calls)
        folder.mkdir()
        with open_test_archive(folder) as ours:
            ours.faults.down.add("sealer")
            audit(ours.archive, AuditRequest())
            ours.faults.heal()
            ours.faults.kill_at, ours.faults.after = calls, after
            was_killed = _is_killed(ours, lambda: print_owed(ours.archive))
            ours.faults.heal()
            print_owed(ours.archive)
            _require_one_of_each(ours)
        if not was_killed:
            return
        calls += 1


def _is_killed(ours: TestArchive, run: Callable[[], object]) -> bool:
    try:
        run()
    except Killed:
        return True
    return False


def _require_one_of_each(ours: TestArchive) -> None:
    """The audit that ended last has one report and one paper that names it, and the log has the digests of both."""
    audited = ours.events(EventType.AUDITED)[-1].values
    report = ours.content_of(f"audits/{audited['audit']}/report.json")
    assert digest(report).sha256 == audited["report_sha256"]
    assert json.loads(report)["paper_owed"] == audited["paper_owed"]
    printed = [one.values for one in ours.events(EventType.AUDIT_PRINTED) if one.values["audit"] == audited["audit"]]
    assert (audited["printed_sha256"] is None) == (len(printed) == 1) == (audited["paper_owed"] is not None)
    paper = ours.content_of(f"audits/{audited['audit']}/report.pdf")
    assert digest(paper).sha256 in {audited["printed_sha256"], *(one["printed_sha256"] for one in printed)}
    # The stand-in seals a paper by numbering it: its last line says which one was kept.
    kept = ours.sealer.papers[int(paper.decode().splitlines()[-1]) - 1]
    assert ("Báo cáo gốc · Report", f"SHA-256 {digest(report).sha256}") in kept.facts
