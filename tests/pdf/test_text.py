"""Words come from the layer where it is good and are recognised where not, page by page, and no file changes."""

from __future__ import annotations

import os
import signal
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import cast

import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from archive_service.errors import Misconfigured
from archive_service.model.inspection import NoText, PdfFacts, TextOutcome
from archive_service.model.record import DocumentText, PageText, TextSource
from archive_service.pdf import ocr
from archive_service.pdf import text as pdf_text
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from tests.pdf import documents as make

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
LINES = (
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc",
    "QUYẾT ĐỊNH",
    "Về việc hưởng lương hưu hằng tháng",
    "Căn cứ Luật Bảo hiểm xã hội ngày 20 tháng 11 năm 2014;",
    "Xét hồ sơ của ông Nguyễn Văn Đức, số sổ 0123456789,",
    "Điều 1. Ông Nguyễn Văn Đức được hưởng chế độ hưu trí.",
)

Read = Callable[[bytes], DocumentText | NoText]


@pytest.fixture
def read(reader: SandboxedPdfReader, tmp_path: Path) -> Read:
    def read_text(content: bytes) -> DocumentText | NoText:
        path = tmp_path / "document.pdf"
        path.write_bytes(content)
        found = reader.read_text(path)
        assert path.read_bytes() == content
        return found

    return read_text


def pages(found: DocumentText | NoText) -> tuple[PageText, ...]:
    assert isinstance(found, DocumentText), found
    return found.pages


def page(found: DocumentText | NoText) -> PageText:
    (only,) = pages(found)
    return only


def words_found(text: str, truth: str) -> float:
    wanted, got = Counter(truth.split()), Counter(text.split())
    return sum((wanted & got).values()) / sum(wanted.values())


def picture(lines: tuple[str, ...] = LINES, *, dpi: int = 200, turned: float = 0) -> tuple[bytes, int, int]:
    """A page of those lines as a JPEG, and its size in pixels."""
    image = Image.new("L", (round(8.27 * dpi), round(5.85 * dpi)), 250)
    font = ImageFont.truetype(str(FONT), size=round(dpi * 0.18))
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((dpi * 0.6, dpi * (0.5 + row * 0.5)), line, font=font, fill=30)
    image = image.rotate(turned, expand=True, fillcolor=250, resample=Image.Resampling.BICUBIC)
    out = BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=85)
    return out.getvalue(), image.width, image.height


def scanned(*, dpi: int = 200, turned: float = 0, rotate: int = 0) -> bytes:
    return make.scan(*picture(dpi=dpi, turned=turned), dpi=dpi, rotate=rotate)


def typed(lines: tuple[str, ...] = LINES) -> bytes:
    pdfmetrics.registerFont(TTFont("DejaVu", str(FONT)))
    out = BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    canvas.setFont("DejaVu", 11)
    for row, line in enumerate(lines):
        canvas.drawString(40, 780 - row * 20, line)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def over_scan(layer: tuple[str, ...]) -> bytes:
    """The scanned page with those words as its text layer."""
    with pikepdf.open(BytesIO(typed(layer))) as pdf:
        jpeg, width, height = picture()
        make.add_image(pdf, 0, jpeg, width, height)
        return make.saved(pdf)


def test_a_good_layer_is_taken_as_it_is(read: Read) -> None:
    found = page(read(typed()))
    assert (found.source, found.confidence) == (TextSource.LAYER, None)
    assert found.text.split() == " ".join(LINES).split()


def test_words_are_in_composed_form_whatever_the_file_holds(read: Read) -> None:
    decomposed = tuple(unicodedata.normalize("NFD", line) for line in ("Quyết định số một", "Bảo hiểm xã hội"))
    assert unicodedata.is_normalized("NFC", page(read(typed(decomposed))).text)


def test_a_scan_is_recognised_with_its_tone_marks(read: Read) -> None:
    found = page(read(scanned()))
    assert found.source is TextSource.OCR
    assert found.confidence is not None
    assert found.confidence > 80
    assert words_found(found.text, " ".join(LINES)) > 0.9
    assert "0123456789" in found.text


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_a_scan_that_lies_on_its_side_or_its_head_is_recognised(read: Read, rotate: int) -> None:
    assert words_found(page(read(scanned(turned=rotate))).text, " ".join(LINES)) > 0.85
    assert words_found(page(read(scanned(rotate=rotate))).text, " ".join(LINES)) > 0.85


@pytest.mark.parametrize("turned", [-4, 8])
def test_a_page_photographed_at_a_slant_is_recognised(read: Read, turned: float) -> None:
    assert words_found(page(read(scanned(turned=turned))).text, " ".join(LINES)) > 0.8


def test_a_photograph_of_low_resolution_is_recognised(read: Read) -> None:
    assert words_found(page(read(scanned(dpi=75))).text, " ".join(LINES)) > 0.8


def test_layer_and_recognition_are_decided_page_by_page(read: Read) -> None:
    with pikepdf.open(BytesIO(typed())) as pdf, pikepdf.open(BytesIO(scanned())) as scan:
        pdf.pages.extend(scan.pages)
        pdf.add_blank_page(page_size=(595, 842))
        content = make.saved(pdf)
    found = pages(read(content))
    assert [p.source for p in found] == [TextSource.LAYER, TextSource.OCR, TextSource.NONE]
    assert [p.number for p in found] == [1, 2, 3]
    assert found[2].text == ""


def test_a_stamp_on_a_scan_does_not_pass_for_its_words(read: Read) -> None:
    found = page(read(over_scan(("Ký bởi: Bảo hiểm xã hội",))))
    assert found.source is TextSource.OCR
    assert words_found(found.text, " ".join(LINES)) > 0.7


def test_a_layer_recognised_in_the_wrong_language_is_replaced(read: Read) -> None:
    unmarked = tuple(
        unicodedata.normalize("NFD", line.translate({272: "D", 273: "d"})).encode("ascii", "ignore").decode()
        for line in LINES
    )
    invisible = typed(unmarked * 2).replace(b" Tf ", b" Tf 3 Tr ")
    with pikepdf.open(BytesIO(invisible)) as pdf:
        make.add_image(pdf, 0, *picture())
        content = make.saved(pdf)
    assert page(read(content)).source is TextSource.OCR


def test_a_layer_in_a_wrong_encoding_is_replaced_by_what_the_page_shows(read: Read) -> None:
    legacy = ("Céng hßa x· héi chñ nghÜa ViÖt Nam §éc lËp Tù do H¹nh phóc QuyÕt ®Þnh vÒ viÖc",)
    assert page(read(typed(legacy))).source is TextSource.OCR


def test_a_signed_scan_is_recognised_and_stays_as_it_is(reader: SandboxedPdfReader, read: Read, tmp_path: Path) -> None:
    content = make.signed(scanned())
    found = page(read(content))  # compares the file before and after
    assert found.source is TextSource.OCR
    assert words_found(found.text, " ".join(LINES)) > 0.85
    (tmp_path / "signed.pdf").write_bytes(content)
    seen = reader.inspect(tmp_path / "signed.pdf")
    assert isinstance(seen, PdfFacts)
    assert [(s.field_name, s.covers_whole_file) for s in seen.signatures] == [("Signature1", True)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("decree-28-2021-page-1", 0.90),
        ("decree-signature-page", 0.90),
        ("official-letter-low-resolution", 0.91),
    ],
)
def test_real_scans_give_their_words(read: Read, shared_data: Path, name: str, words: float) -> None:
    scan = shared_data / "scans" / f"{name}.jpg"
    out = BytesIO()
    with Image.open(scan) as image:
        image.convert("RGB").save(out, "JPEG", quality=95)
        content = make.scan(out.getvalue(), image.width, image.height, dpi=image.width / 8.27)
    found = page(read(content))
    assert found.source is TextSource.OCR
    assert words_found(found.text, scan.with_suffix(".txt").read_text()) >= words


def test_a_page_without_a_word_has_no_text_and_says_so(read: Read) -> None:
    assert page(read(make.sound())) == PageText(1, "", TextSource.NONE)
    blank = BytesIO()
    Image.new("RGB", (800, 1100), (252, 252, 252)).save(blank, "JPEG")
    assert page(read(make.scan(blank.getvalue(), 800, 1100, dpi=100))).source is TextSource.NONE


@pytest.mark.parametrize("content", [b"", b"not a pdf", make.encrypted("secret"), make.encrypted("")])
def test_what_cannot_be_opened_is_unreadable_for_good(read: Read, content: bytes) -> None:
    assert read(content) == NoText(TextOutcome.UNREADABLE, retryable=False)


def test_many_pages_come_in_bounded_memory(reader: SandboxedPdfReader, tmp_path: Path) -> None:
    with pikepdf.open(BytesIO(typed())) as pdf:
        for _ in range(499):
            pdf.pages.append(pdf.pages[0])
        (tmp_path / "long.pdf").write_bytes(make.saved(pdf))
    tight = SandboxedPdfReader(Limits(memory_bytes=320 << 20))
    try:
        found = pages(tight.read_text(tmp_path / "long.pdf"))
    finally:
        tight.close()
    assert len(found) == 500
    assert all(p.source is TextSource.LAYER for p in found)


def test_reading_that_runs_out_of_time_is_told_and_retried_only_where_that_can_help(tmp_path: Path) -> None:
    with pikepdf.open(BytesIO(scanned())) as pdf:
        for _ in range(39):
            pdf.pages.append(pdf.pages[0])
        (tmp_path / "long.pdf").write_bytes(make.saved(pdf))
    for limits, retryable in ((Limits(text_wall_seconds=1), True), (Limits(text_cpu_seconds=1), False)):
        hasty = SandboxedPdfReader(limits)
        try:
            assert hasty.read_text(tmp_path / "long.pdf") == NoText(TextOutcome.TIMED_OUT, retryable=retryable)
        finally:
            hasty.close()


def test_a_language_that_is_not_installed_stops_recognition_not_inspection(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(scanned())
    (tmp_path / "typed.pdf").write_bytes(typed())
    reader = SandboxedPdfReader(Limits(ocr_languages="xyz"))
    try:
        reader.inspect(tmp_path / "scan.pdf")
        assert page(reader.read_text(tmp_path / "typed.pdf")).source is TextSource.LAYER
        with pytest.raises(Misconfigured, match="xyz"):
            reader.read_text(tmp_path / "scan.pdf")
        with pytest.raises(Misconfigured):
            reader.check_ready()
    finally:
        reader.close()


def test_a_reader_that_can_check_and_recognise_is_ready(reader: SandboxedPdfReader) -> None:
    reader.check_ready()


def test_a_server_killed_under_a_scan_recovers(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(scanned())
    own = SandboxedPdfReader(Limits())
    try:
        own.check_ready()
        server = own.server_pid()
        assert server is not None
        threading.Timer(0.15, os.kill, (server, signal.SIGKILL)).start()
        assert page(own.read_text(tmp_path / "scan.pdf")).source is TextSource.OCR
        time.sleep(0.2)
    finally:
        own.close()


def noise() -> bytes:
    """A page of specks: nothing to read, and a great deal to look at."""
    specks = Image.effect_noise((800, 1100), 200).convert("L").point(lambda value: 0 if value < 110 else 255)
    out = BytesIO()
    specks.convert("RGB").save(out, "PDF", resolution=100)
    return out.getvalue()


def test_page_that_takes_too_long_is_left_with_no_confidence_in_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "PAGE_SECONDS", 0.05)
    path = tmp_path / "noise.pdf"
    path.write_bytes(noise())
    told: list[dict[str, object]] = []
    with path.open("rb") as document:
        pdf_text.read_text(
            document.fileno(),
            {"max_pages": 1, "ocr_dpi": 100},
            lambda message: told.append(dict(cast(Mapping[str, object], message))),
            recogniser=ocr.Recogniser("vie"),
            vietnamese=True,
        )
    assert (told[0]["source"], told[0]["confidence"], told[0]["text"]) == ("ocr", 0.0, "")
    assert told[1] == {"kind": "end", "pages": 1}
