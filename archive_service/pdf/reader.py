"""The port ``PdfReader``, answered by sandboxed processes: what is in an untrusted PDF, and its words.

It must never parse a file in this process, never change one, and never let an error of a library out. A
process that dies, or hits a limit, is an answer like any other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from archive_service.model.findings import FindingCode
from archive_service.model.inspection import Inspection, NotInspected
from archive_service.pdf.answers import BadAnswer, inspection_from
from archive_service.pdf.confinement import ProcessLimits
from archive_service.pdf.sandbox import Ending, Job, Run, Sandbox, SandboxSetup, unavailable_reader


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one PDF may take, and how its pages are recognised.

    ``memory_bytes`` is the address space of one process; seconds are of CPU and of wall time;
    ``ocr_languages`` are Tesseract's, joined by +; ``processes`` is how many run at one time.
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


class SandboxedPdfReader:
    """Reads PDFs in confined processes. Thread-safe; ``close`` ends its server."""

    def __init__(self, limits: Limits, setup: SandboxSetup | None = None) -> None:
        self._limits = limits
        self._sandbox = Sandbox(
            setup or SandboxSetup(preload={"languages": limits.ocr_languages}, processes=limits.processes)
        )

    def inspect(self, path: Path) -> Inspection:
        """Return what the file is, or why that could not be read.

        Raises Misconfigured when no process can be confined, Unavailable when none starts or the file is
        not there.
        """
        limits = self._limits
        options = {"max_pages": limits.max_pages, "max_decoded_bytes": limits.max_decoded_bytes}
        allowed = ProcessLimits(limits.memory_bytes, limits.check_cpu_seconds, limits.check_wall_seconds)
        run = self._run(path, Job("inspect", options, allowed))
        if run.ending in (Ending.OUT_OF_CPU, Ending.OUT_OF_TIME, Ending.OUT_OF_MEMORY):
            return NotInspected(FindingCode.CHECK_TOOK_TOO_LONG, {"reason": str(run.ending)})
        try:
            if run.ending is Ending.COMPLETE and len(run.messages) == 1:
                return inspection_from(run.messages[0])
        except BadAnswer:
            return NotInspected(FindingCode.CHECK_FAILED, {"reason": "bad-answer"})
        return NotInspected(FindingCode.CHECK_FAILED, {"reason": str(run.ending)})

    def close(self) -> None:
        """End the sandbox's server. Idempotent."""
        self._sandbox.close()

    def _run(self, path: Path, job: Job) -> Run:
        try:
            document = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as missing:
            raise unavailable_reader() from missing
        try:
            return self._sandbox.run(document, job)
        finally:
            os.close(document)
