"""A file and its signatures looked at together: the same answers as one by one, whichever process gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive_service.errors import Misconfigured
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import Examined, NotInspected, PdfFacts
from archive_service.model.signatures import SignatureVerdict
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


@pytest.mark.parametrize("content", [sign(make.sound()), make.sound() + b"% /ByteRange\n", b"/ByteRange"])
@pytest.mark.parametrize("messages", [0, 1])
@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.COMPLETE])
def test_what_one_process_does_not_tell_to_its_end_each_look_tells_alone(
    trusting: SandboxedPdfReader,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    messages: int,
    ending: Ending,
) -> None:
    path.write_bytes(content)
    wanted = trusting.examine(path, NOW)
    _end_after(monkeypatch, messages, ending)
    assert trusting.examine(path, NOW) == wanted


@pytest.mark.parametrize("messages", [0, 1])
def test_a_process_that_says_half_and_ends_well_is_not_believed(
    trusting: SandboxedPdfReader, path: Path, monkeypatch: pytest.MonkeyPatch, messages: int
) -> None:
    path.write_bytes(sign(make.sound()))
    _end_after(monkeypatch, messages, Ending.COMPLETE)
    report = trusting.examine(path, NOW).report
    assert report is not None
    assert report.verdict is SignatureVerdict.VALID


def test_what_the_signatures_are_worth_is_told_before_the_inspection_draws_pages(
    trusting: SandboxedPdfReader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    run = SignatureSandbox.run

    def listening(sandbox: SignatureSandbox, document: int, job: Job) -> Run:
        done = run(sandbox, document, job)
        told.extend(message["kind"] for message in done.messages)
        return done

    monkeypatch.setattr(SignatureSandbox, "run", listening)
    path.write_bytes(sign(make.sound()))
    trusting.examine(path, NOW)
    assert told == ["signatures", "facts"]


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
