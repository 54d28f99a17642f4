"""The port ``PdfReader``, answered by sandboxed processes: what is in an untrusted PDF, and its words.

It must never parse a file in this process, never change one, and never let an error of a library out. A
process that dies, or hits a limit, is an answer like any other.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from archive_service.errors import Message, Misconfigured
from archive_service.model.findings import FindingCode
from archive_service.model.inspection import Examined, Inspection, NoText, NotInspected, PdfFacts, TextOutcome
from archive_service.model.record import DocumentText, TextSource
from archive_service.model.sealing import NotSealed
from archive_service.model.signatures import SignatureReport
from archive_service.pdf.answers import (
    BadAnswer,
    MadePdfa,
    MissingFont,
    MissingModel,
    inspection_from,
    made_from,
    name,
    text_from,
)
from archive_service.pdf.confinement import ProcessLimits
from archive_service.pdf.envelope import hints_at_signature
from archive_service.pdf.sandbox import Ending, Job, Run, Sandbox, SandboxSetup, unavailable_reader
from archive_service.pdf.signature_answers import report_from
from archive_service.pdf.signature_sandbox import SignatureSandbox
from archive_service.pdf.trial import trial_pdf

_RAN_OUT = frozenset({Ending.OUT_OF_CPU, Ending.OUT_OF_TIME, Ending.OUT_OF_MEMORY})


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one PDF may take, and how its pages are recognised.

    ``memory_bytes`` is the address space of one process; seconds are of CPU and of wall time;
    ``ocr_languages`` are Tesseract's, joined by +; ``processes`` is how many run at one time. ``seal_font`` is the
    TrueType file of a seal's visible mark.
    """

    max_pages: int = 5_000
    max_decoded_bytes: int = 2_147_483_648
    memory_bytes: int = 1_073_741_824
    check_cpu_seconds: int = 20
    check_wall_seconds: int = 40
    text_cpu_seconds: int = 900
    text_wall_seconds: int = 1_800
    ocr_languages: str = "vie"
    ocr_dpi: int = 200
    processes: int = 2
    seal_font: str = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"


@dataclass(frozen=True, slots=True)
class TrustFolders:
    """Folders of certificates that are trusted, each for one use, and of revocation lists. None trusts nobody.

    Files are PEM or DER. A change of a file takes effect with the next signed document.
    """

    agency_dir: str | None = None
    tsa_dir: str | None = None
    crl_dir: str | None = None


class SandboxedPdfReader:
    """Reads PDFs in confined processes. Thread-safe; ``close`` ends its servers."""

    def __init__(self, limits: Limits, setup: SandboxSetup | None = None, trust: TrustFolders | None = None) -> None:
        self._limits = limits
        self._signatures = SignatureSandbox(limits.processes, asdict(trust or TrustFolders()))
        preload = {"languages": limits.ocr_languages, "seal_font": limits.seal_font}
        self._sandbox = Sandbox(setup or SandboxSetup(preload=preload, processes=limits.processes))

    def examine(self, path: Path, at: dt.datetime) -> Examined:
        """Return what the file is and, where it carries signatures, what each is worth at that instant.

        A file that hints at signatures is read by one process for both; whether it has any, the inspection says. Where
        that process does not tell both to its end, each look has a process of its own, as without a hint.
        Raises as ``inspect`` and, where there are signatures, as ``check_signatures``.
        """
        with _opened(path) as document:
            if hints_at_signature(document) and (both := self._examine_at_once(document, at)):
                return both
            inspection = self._inspect(document)
            return Examined(inspection, self._check(document, at) if _signed(inspection) else None)

    def inspect(self, path: Path) -> Inspection:
        """Return what the file is, or why that could not be read.

        Raises Misconfigured when no process can be confined, Unavailable when none starts or the file is
        not there.
        """
        with _opened(path) as document:
            return self._inspect(document)

    def read_text(self, path: Path) -> DocumentText | NoText:
        """Return the words of every page: the text layer where it is good, recognised ones where not.

        Running out of CPU time or memory would happen again, running out of wall time need not.
        Raises Misconfigured when words must be recognised and the language is not installed, and as ``inspect``.
        """
        limits = self._limits
        options = {"max_pages": limits.max_pages, "ocr_dpi": limits.ocr_dpi}
        allowed = ProcessLimits(limits.memory_bytes, limits.text_cpu_seconds, limits.text_wall_seconds)
        run = self._run(path, Job("text", options, allowed))
        if run.ending is Ending.OUT_OF_TIME:
            return NoText(TextOutcome.TIMED_OUT, retryable=True)
        if run.ending in (Ending.OUT_OF_CPU, Ending.OUT_OF_MEMORY):
            return NoText(TextOutcome.TIMED_OUT, retryable=False)
        if run.ending is not Ending.COMPLETE:
            return NoText(TextOutcome.CRASHED, retryable=True)
        try:
            text = text_from(run.messages)
        except BadAnswer:
            return NoText(TextOutcome.CRASHED, retryable=True)
        except MissingModel as missing:
            raise _language_missing(limits.ocr_languages) from missing
        return text or NoText(TextOutcome.UNREADABLE, retryable=False)

    def check_signatures(self, path: Path, at: dt.datetime) -> SignatureReport:
        """Return what every signature of the file is worth at that instant; a check that fails is no pass.

        The server that validates is another one, and starts with the first signed document.
        Raises Misconfigured ``trust-not-readable`` when a file of the trust folders is not what it should be, and as
        ``inspect``.
        """
        with _opened(path) as document:
            return self._check(document, at)

    def make_pdfa(self, path: Path, aside: bytes, take: Callable[[bytes], object]) -> MadePdfa | NotSealed:
        """Give ``take`` the bytes of a PDF/A made of the file, as ``pdf.pdfa`` tells it in ``aside``; or say why not.

        What was taken before a NotSealed is of no use. Raises what ``take`` raises, Misconfigured when there is no
        font for the mark, and as ``inspect``.
        """
        limits = self._limits
        allowed = ProcessLimits(limits.memory_bytes, limits.text_cpu_seconds, limits.text_wall_seconds)
        run = self._run(path, Job("pdfa", {"max_pages": limits.max_pages}, allowed, aside, take))
        try:
            return made_from(run)
        except MissingFont as missing:
            raise font_missing(limits.seal_font) from missing

    def check_ready(self) -> None:
        """Return when a small PDF is inspected and its words, which are an image, are recognised.

        Raises Misconfigured when processes cannot be confined or a language is missing, Unavailable otherwise.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trial.pdf"
            path.write_bytes(trial_pdf())
            seen = self.inspect(path)
            words = self.read_text(path)
        if not isinstance(seen, PdfFacts) or not isinstance(words, DocumentText):
            raise unavailable_reader()
        if words.pages[0].source is not TextSource.OCR:
            raise unavailable_reader()

    def server_pid(self) -> int | None:
        """Return the process id of the sandbox's server while one is there."""
        return self._sandbox.server_pid()

    def close(self) -> None:
        """End the sandbox's servers. Idempotent."""
        self._sandbox.close()
        self._signatures.close()

    def _inspect(self, document: int) -> Inspection:
        return _inspection(self._sandbox.run(document, self._checking("inspect", self._bounds())))

    def _check(self, document: int, at: dt.datetime) -> SignatureReport:
        return _report(self._signatures.run(document, self._checking("signatures", {"at": at.isoformat()})), at)

    def _examine_at_once(self, document: int, at: dt.datetime) -> Examined | None:
        run = self._signatures.run(document, self._checking("examine", self._bounds() | {"at": at.isoformat()}))
        if run.ending is not Ending.COMPLETE or len(run.messages) != 2:
            return None
        inspection = _inspection(Run(run.messages[1:], run.ending))
        return Examined(inspection, _report(Run(run.messages[:1], run.ending), at) if _signed(inspection) else None)

    def _bounds(self) -> dict[str, object]:
        return {"max_pages": self._limits.max_pages, "max_decoded_bytes": self._limits.max_decoded_bytes}

    def _checking(self, task: str, options: Mapping[str, object]) -> Job:
        limits = self._limits
        allowed = ProcessLimits(limits.memory_bytes, limits.check_cpu_seconds, limits.check_wall_seconds)
        return Job(task, options, allowed)

    def _run(self, path: Path, job: Job) -> Run:
        with _opened(path) as document:
            return self._sandbox.run(document, job)


def _inspection(run: Run) -> Inspection:
    if run.ending in _RAN_OUT:
        return NotInspected(FindingCode.CHECK_TOOK_TOO_LONG, {"reason": str(run.ending)})
    try:
        if run.ending is Ending.COMPLETE and len(run.messages) == 1:
            return inspection_from(run.messages[0])
    except BadAnswer:
        return NotInspected(FindingCode.CHECK_FAILED, {"reason": "bad-answer"})
    return NotInspected(FindingCode.CHECK_FAILED, {"reason": str(run.ending)})


def _report(run: Run, at: dt.datetime) -> SignatureReport:
    if run.ending is not Ending.COMPLETE or len(run.messages) != 1:
        return SignatureReport(at)
    if run.messages[0].get("kind") == "bad-trust":
        raise _trust_not_readable(run.messages[0])
    try:
        return report_from(run.messages[0], at)
    except BadAnswer:
        return SignatureReport(at)


def _signed(inspection: Inspection) -> bool:
    return isinstance(inspection, PdfFacts) and bool(inspection.signatures)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        document = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as missing:
        raise unavailable_reader() from missing
    try:
        yield document
    finally:
        os.close(document)


def _language_missing(languages: str) -> Misconfigured:
    return Misconfigured(
        Message(
            f"Tesseract has no language data for {languages}. Install it, or change ARCHIVE_OCR_LANGUAGES.",
            f"Tesseract chưa có dữ liệu ngôn ngữ {languages}. Hãy cài đặt, hoặc sửa ARCHIVE_OCR_LANGUAGES.",
        ),
        code="ocr-language-missing",
    )


def _trust_not_readable(message: Mapping[str, object]) -> Misconfigured:
    file = name(message.get("file"))
    return Misconfigured(
        Message(
            f"A file of ARCHIVE_AGENCY_TRUST_DIR, ARCHIVE_TSA_TRUST_DIR or ARCHIVE_CRL_DIR cannot be used: {file}. "
            "Mend or remove it; signed documents wait until then.",
            "Một tệp trong ARCHIVE_AGENCY_TRUST_DIR, ARCHIVE_TSA_TRUST_DIR hoặc ARCHIVE_CRL_DIR không dùng được: "
            f"{file}. Hãy sửa hoặc gỡ tệp đó; tài liệu có chữ ký số phải chờ đến khi xong.",
        ),
        code="trust-not-readable",
    )


def font_missing(font: str) -> Misconfigured:
    """Return the error for a font file that is not there, or is none."""
    return Misconfigured(
        Message(
            f"The font of the seal's mark is not there: {font}. Install it, or change ARCHIVE_SEAL_FONT_FILE.",
            f"Không có phông chữ của dấu hiệu chữ ký số: {font}. Hãy cài đặt, hoặc sửa ARCHIVE_SEAL_FONT_FILE.",
        ),
        code="seal-font-missing",
    )
