"""A file and its signatures looked at together: the same answers as one by one, whichever process gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_service.errors import Misconfigured
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import Examined, NotInspected, PdfFacts
from archive_service.model.signatures import SignatureReport, SignatureVerdict
from archive_service.pdf.reader import Limits, SandboxedPdfReader, TrustFolders
from archive_service.pdf.sandbox import Ending, Job, Run
from archive_service.pdf.signature_sandbox import SignatureSandbox
from tests.pdf import attacks
from tests.pdf import documents as make
from tests.pdf.signing import NOW, agency_root, sign

# More than the bytes at the end of a file in which a hint is looked for.
FAR = 300 * 1024


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxedPdfReader]:
    folder = agency_root().trusted_in(tmp_path_factory.mktemp("trust") / "agencies")
    opened = SandboxedPdfReader(Limits(), trust=TrustFolders(str(folder)))
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "document.pdf"


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of what the signatures' sandbox is asked for."""
    asked: list[str] = []
    run = SignatureSandbox.run

    def listening(sandbox: SignatureSandbox, document: int, job: Job) -> Run:
        asked.append(job.task)
        return run(sandbox, document, job)

    monkeypatch.setattr(SignatureSandbox, "run", listening)
    return asked


@pytest.mark.parametrize(
    "change",
    [bytes, attacks.swap_page, attacks.append, attacks.change_a_signed_byte, lambda signed: b"%PDF-x.y" + signed[8:]],
)
def test_both_looks_at_once_see_what_each_sees_alone(
    trusting: SandboxedPdfReader, path: Path, tasks: list[str], change: Callable[[bytes], bytes]
) -> None:
    path.write_bytes(change(sign(attacks.page())))
    examined = trusting.examine(path, NOW)
    assert tasks == ["examine"]
    assert examined == Examined(trusting.inspect(path), trusting.check_signatures(path, NOW))
    assert examined.report is not None


def test_a_signature_without_a_hint_of_it_is_checked_all_the_same(
    trusting: SandboxedPdfReader, path: Path, tasks: list[str]
) -> None:
    path.write_bytes(sign(make.sound()) + b"\n" * FAR)
    examined = trusting.examine(path, NOW)
    assert tasks == ["signatures"]
    assert examined == Examined(trusting.inspect(path), trusting.check_signatures(path, NOW))
    assert examined.report is not None
    assert examined.report.verdict is SignatureVerdict.ALTERED


def test_a_hint_without_a_signature_is_no_signature(trusting: SandboxedPdfReader, path: Path) -> None:
    path.write_bytes(make.sound() + b"% /ByteRange\n")
    examined = trusting.examine(path, NOW)
    assert examined == Examined(trusting.inspect(path), None)
    assert isinstance(examined.inspection, PdfFacts)


def test_a_file_with_a_hint_that_cannot_be_read_is_told_as_without_one(
    trusting: SandboxedPdfReader, path: Path
) -> None:
    path.write_bytes(b"/ByteRange")
    assert trusting.examine(path, NOW) == Examined(NotInspected(FindingCode.NOT_A_PDF))


@pytest.mark.parametrize("ending", [Ending.OUT_OF_CPU, Ending.OUT_OF_TIME, Ending.OUT_OF_MEMORY])
def test_a_check_that_found_its_time_used_up_gets_its_own(
    trusting: SandboxedPdfReader, path: Path, monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    path.write_bytes(sign(make.sound()))
    wanted = trusting.examine(path, NOW)
    _end_after(monkeypatch, 1, ending)
    assert trusting.examine(path, NOW) == wanted
    assert wanted.report is not None
    assert wanted.report.verdict is SignatureVerdict.VALID


def test_a_process_that_dies_over_the_signatures_has_read_none(
    trusting: SandboxedPdfReader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(sign(make.sound()))
    _end_after(monkeypatch, 1, Ending.DIED)
    assert trusting.examine(path, NOW) == Examined(trusting.inspect(path), SignatureReport(NOW))


@pytest.mark.parametrize(
    ("ending", "finding"),
    [(Ending.OUT_OF_CPU, FindingCode.CHECK_TOOK_TOO_LONG), (Ending.DIED, FindingCode.CHECK_FAILED)],
)
def test_a_process_that_ends_before_it_tells_what_the_file_is_inspected_nothing(
    trusting: SandboxedPdfReader, path: Path, monkeypatch: pytest.MonkeyPatch, ending: Ending, finding: FindingCode
) -> None:
    path.write_bytes(sign(make.sound()))
    _end_after(monkeypatch, 0, ending)
    assert trusting.examine(path, NOW) == Examined(NotInspected(finding, {"reason": str(ending)}))


def test_a_process_that_dies_after_it_told_of_no_signature_is_not_believed(
    trusting: SandboxedPdfReader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(make.sound() + b"% /ByteRange\n")
    _end_after(monkeypatch, 1, Ending.DIED)
    examined = trusting.examine(path, NOW)
    assert examined == Examined(NotInspected(FindingCode.CHECK_FAILED, {"reason": "died"}))


def test_a_bad_trust_file_stops_signed_files_only(tmp_path: Path, path: Path) -> None:
    (tmp_path / "agencies").mkdir()
    (tmp_path / "agencies" / "broken.pem").write_bytes(b"")
    reader = SandboxedPdfReader(Limits(), trust=TrustFolders(str(tmp_path / "agencies")))
    try:
        path.write_bytes(make.sound() + b"% /ByteRange\n")
        assert reader.examine(path, NOW).report is None
        path.write_bytes(sign(make.sound()))
        with pytest.raises(Misconfigured, match=r"broken\.pem"):
            reader.examine(path, NOW)
    finally:
        reader.close()


def _end_after(monkeypatch: pytest.MonkeyPatch, messages: int, ending: Ending) -> None:
    """Let every process that looks at both end so, when that many of its messages have come."""
    run = SignatureSandbox.run

    def cut_short(sandbox: SignatureSandbox, document: int, job: Job) -> Run:
        done = run(sandbox, document, job)
        if job.task != "examine":
            return done
        return dataclasses.replace(done, messages=done.messages[:messages], ending=ending)

    monkeypatch.setattr(SignatureSandbox, "run", cut_short)
