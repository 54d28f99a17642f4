"""Pages recognised a second, against Tesseract's command line and OCRmyPDF on the same pages and cores."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from archive_service.model.record import DocumentText
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from bench.figures import Figure, Target, figure, in_turn
from bench.filled_index import cache_folder
from bench.service import PROJECT, work_folder
from examples.results import Form, make_results

PAGES = 12
CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Page:
    """One scanned page: as a PDF of one page, and as the picture in it."""

    pdf: Path
    picture: Path


def recognising(*, quick: bool) -> Iterator[Figure]:
    """Pages a second on all cores: ours ÷ ``tesseract`` on the pictures, ÷ ``ocrmypdf`` on the PDFs."""
    count, rounds = (2, 1) if quick else (PAGES, 3)
    reader = SandboxedPdfReader(Limits(processes=CORES))
    program = ocrmypdf()
    with work_folder() as folder:
        pages = scanned_pages(folder, count)
        measures = [lambda: _rate(pages, lambda page: _read(reader, page)), lambda: _rate(pages, _tesseract)]
        if program:
            measures.append(lambda: _rate(pages, lambda page: run_ocrmypdf(program, page.pdf)))
        ours, line, *peer = in_turn(rounds, *measures)
    reader.close()
    yield figure("recognition ÷ tesseract", (ours, line), f"pages/s on {CORES} cores", Target(1.25))
    if peer:
        yield figure("recognition ÷ OCRmyPDF", (ours, peer[0]), f"pages/s on {CORES} cores", Target(2.0), "pdf -O0")


def scanned_pages(folder: Path, count: int) -> list[Page]:
    """Write example scans, and the real ones where there are any (``ARCHIVE_BENCH_SCANS``), as PDFs and pictures."""
    real = real_scans()[: count // 2]
    pages = [write_page(folder, number, picture.read_bytes()) for number, picture in enumerate(real)]
    made = make_results(random.Random(3).randrange(100), count - len(pages), (Form.SCANNED,))
    return pages + [_page_of_pdf(folder, number, result.pdf) for number, result in enumerate(made)]


def real_scans() -> list[Path]:
    """Return the pictures of real pages; the truth of each lies beside it as text."""
    scans = Path(os.environ.get("ARCHIVE_BENCH_SCANS", PROJECT.parent / "shared" / "data" / "scans"))
    return sorted(scans.glob("*.jpg"))


def ocrmypdf() -> Path | None:
    """Return OCRmyPDF's program, installed from its lock into a place of its own; None where it cannot be had."""
    folder = cache_folder() / "ocrmypdf"
    program = folder / "bin" / "ocrmypdf"
    if not program.exists():
        uv = Path(sys.executable).parent / "uv"
        lock = PROJECT / "scripts" / "locks" / "ocrmypdf.lock"
        made = subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=False)
        install: list[str | Path] = [
            uv,
            "pip",
            "sync",
            "--quiet",
            "--python",
            folder / "bin" / "python",
            "--require-hashes",
            lock,
        ]
        if made.returncode or subprocess.run(install, check=False).returncode:
            shutil.rmtree(folder, ignore_errors=True)
            return None
    return program


def run_ocrmypdf(program: Path, pdf: Path) -> None:
    """Add a text layer to one file with one job, as plain PDF and without optimising it."""
    _one_core([program, "-l", "vie", "--output-type", "pdf", "-O0", "-j1", "-q", pdf, pdf.with_suffix(".ocr.pdf")])


def write_page(folder: Path, number: int, jpeg: bytes) -> Page:
    """Write a picture, and a PDF of it alone."""
    page = Page(folder / f"real-{number}.pdf", folder / f"real-{number}.jpg")
    page.picture.write_bytes(jpeg)
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.convert("RGB").save(page.pdf, "PDF", resolution=200)
    return page


def _page_of_pdf(folder: Path, number: int, pdf: bytes) -> Page:
    import pypdfium2 as pdfium

    page = Page(folder / f"made-{number}.pdf", folder / f"made-{number}.png")
    document = pdfium.PdfDocument(pdf)
    document[0].render(scale=200 / 72).to_pil().convert("L").save(page.picture, dpi=(200, 200))
    document.close()
    page.pdf.write_bytes(pdf)
    return page


def _rate(pages: Sequence[Page], work: Callable[[Page], None]) -> float:
    with ThreadPoolExecutor(CORES) as pool:
        began = time.perf_counter()
        list(pool.map(work, pages))
        return len(pages) / (time.perf_counter() - began)


def _read(reader: SandboxedPdfReader, page: Page) -> None:
    if not isinstance(reader.read_text(page.pdf), DocumentText):
        raise RuntimeError(f"{page.pdf.name} was not read")


def _tesseract(page: Page) -> None:
    _one_core(["tesseract", page.picture, "-", "-l", "vie"])


def _one_core(command: Sequence[str | Path]) -> None:
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
