"""What is seen in a PDF, sound or bad: every bad input ends in the one finding that says what is wrong."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from archive_service.model.findings import DEFAULT_OUTCOMES, FindingCode, Outcome
from archive_service.model.inspection import Inspection, NotInspected, PdfFacts, SignatureFact
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from tests.pdf import documents as make

Inspect = Callable[[bytes], Inspection]

# An ordinary file of the corpus that honestly is what a person must look at, or cannot be taken.
REMARKABLE = {
    "010-pdflatex-forms__pdflatex-forms.pdf": FindingCode.REMOTE_ACTION,
    "005-libreoffice-writer-password__libreoffice-writer-password.pdf": FindingCode.ENCRYPTED,
    "025-attachment__with-attachment.pdf": FindingCode.EMBEDDED_FILES,
}


def facts(inspection: Inspection) -> PdfFacts:
    assert isinstance(inspection, PdfFacts), inspection
    return inspection


def finding(inspection: Inspection) -> FindingCode:
    assert isinstance(inspection, NotInspected), inspection
    return inspection.finding


def written(*, pages: int = 1) -> bytes:
    out = BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    for _ in range(pages):
        canvas.drawString(72, 700, "Quyet dinh")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def jpeg(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", FindingCode.EMPTY, id="empty"),
        pytest.param(b"PK\x03\x04 a zip file", FindingCode.NOT_A_PDF, id="zip"),
        pytest.param(b" " * 2000 + make.sound(), FindingCode.NOT_A_PDF, id="header too late"),
        pytest.param(make.encrypted("secret"), FindingCode.ENCRYPTED, id="password to open"),
        pytest.param(make.encrypted(""), FindingCode.ENCRYPTED, id="empty password to open"),
        pytest.param(make.no_pages(), FindingCode.NO_PAGES, id="no pages"),
        pytest.param(make.cross_reference_loop(), FindingCode.DAMAGED, id="loop of references"),
        pytest.param(make.page_tree_loop(), FindingCode.DAMAGED, id="loop of pages"),
        pytest.param(make.page_tree_bomb(), FindingCode.DAMAGED, id="pages without end"),
        pytest.param(b"%PDF-1.4\n" + b"\x00garbage" * 99 + b"%%EOF", FindingCode.DAMAGED, id="garbage"),
    ],
)
def test_bad_input_is_told_by_one_finding(inspected: Inspect, content: bytes, expected: FindingCode) -> None:
    assert finding(inspected(content)) is expected


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.97])
def test_a_file_without_its_end_is_cut_off_even_where_it_could_be_reconstructed(
    inspected: Inspect, share: float
) -> None:
    whole = written(pages=3)
    assert finding(inspected(whole[: int(len(whole) * share)])) is FindingCode.TRUNCATED


def test_an_update_that_breaks_off_is_cut_off_although_an_earlier_end_is_there(inspected: Inspect) -> None:
    whole = make.updated(make.one_page(), {3: make.ONE_PAGE[1] % b"/UserUnit 2"}, size=4)
    first = len(make.one_page())
    assert finding(inspected(whole[: first + 60])) is FindingCode.TRUNCATED


def test_a_linearised_file_that_breaks_off_is_cut_off(inspected: Inspect) -> None:
    with pikepdf.open(BytesIO(written(pages=4))) as pdf:
        whole = make.saved(pdf, linearize=True)
    assert facts(inspected(whole)).page_count == 4
    assert finding(inspected(whole[: int(len(whole) * 0.8)])) is FindingCode.TRUNCATED


def test_damage_inside_a_file_whose_end_is_there_is_repaired_and_told(inspected: Inspect) -> None:
    broken = make.classic([make.CATALOGUE % b"", make.ONE_PAGE[0], make.ONE_PAGE[1] % b""], startxref=7)
    seen = facts(inspected(broken))
    assert seen.page_count == 1
    assert seen.repairs > 0
    assert facts(inspected(make.sound())).repairs == 0


def test_more_pages_than_permitted_are_refused_with_their_number(inspected: Inspect) -> None:
    assert inspected(make.with_pages(10_000)) == NotInspected(
        FindingCode.TOO_MANY_PAGES, {"pages": 10_000, "most": 5_000}
    )


def test_as_many_pages_as_permitted_pass_in_the_time_limit(inspected: Inspect) -> None:
    content = written(pages=5_000)
    started = time.monotonic()
    seen = facts(inspected(content))
    assert (seen.page_count, all(page.has_text for page in seen.pages)) == (5_000, True)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(make.with_stream(make.deflated_zeros(600), ["FlateDecode"]), id="deflate"),
        pytest.param(
            make.with_stream(zlib.compress(make.deflated_zeros(600)), ["FlateDecode"] * 2), id="deflate twice"
        ),
        pytest.param(
            make.with_stream(
                base64.a85encode(zlib.compress(make.deflated_zeros(600))) + b"~>",
                ["ASCII85Decode", "FlateDecode", "FlateDecode"],
            ),
            id="chain",
        ),
        pytest.param(make.object_stream_bomb(600), id="object stream"),
    ],
)
def test_a_bomb_is_told_without_unpacking_it(inspected: Inspect, content: bytes) -> None:
    assert finding(inspected(content)) is FindingCode.INFLATES_TOO_FAR


def test_streams_together_may_not_unpack_beyond_the_budget(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make.with_stream(make.deflated_zeros(8), ["FlateDecode"]))
    reader = SandboxedPdfReader(Limits(max_decoded_bytes=5_000_000))
    try:
        assert finding(reader.inspect(path)) is FindingCode.INFLATES_TOO_FAR
    finally:
        reader.close()


def test_a_check_that_runs_out_of_its_limits_could_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    data = make.deflated_zeros(200)
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(data), data)
    path.write_bytes(make.one_page(more=[stream] * 100))
    reader = SandboxedPdfReader(Limits(max_decoded_bytes=1 << 40, check_cpu_seconds=1, check_wall_seconds=30))
    try:
        assert finding(reader.inspect(path)) is FindingCode.CHECK_TOOK_TOO_LONG
    finally:
        reader.close()


def test_a_file_that_is_not_there_is_the_archives_fault_not_the_documents(
    reader: SandboxedPdfReader, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="does not answer"):
        reader.inspect(tmp_path / "missing.pdf")


def test_junk_before_the_header_and_bytes_after_the_end_are_counted(inspected: Inspect) -> None:
    assert facts(inspected(b"junk\n" + make.sound())).junk_before_header_bytes == 5
    assert facts(inspected(make.sound() + b"<html>appended</html>")).bytes_after_end > 20
    assert facts(inspected(make.sound() + b"\r\n \0\n")).bytes_after_end == 0


def test_a_stream_that_is_not_what_its_filter_says_is_an_unreadable_part(inspected: Inspect) -> None:
    assert facts(inspected(make.with_stream(b"not deflated", ["FlateDecode"]))).unreadable_parts == 1
    assert facts(inspected(make.with_stream(b"unknown", ["NoSuchDecode"]))).unreadable_parts == 1
    assert facts(inspected(make.sound())).unreadable_parts == 0


def test_page_sizes_are_those_that_are_shown(inspected: Inspect) -> None:
    def sizes(page: bytes) -> tuple[float, float]:
        (seen,) = facts(inspected(make.one_page(page=page))).pages
        return seen.width_points, seen.height_points

    assert sizes(b"") == (595, 842)
    assert sizes(b"/Rotate 90") == (842, 595)
    assert sizes(b"/Rotate -270 /UserUnit 2") == (1684, 1190)
    assert sizes(b"/CropBox [10 10 110 210]") == (100, 200)


def test_text_and_the_resolution_of_images_are_seen_as_drawn(inspected: Inspect) -> None:
    (page,) = facts(inspected(written())).pages
    assert (page.has_text, page.lowest_image_dpi) == (True, None)
    (page,) = facts(inspected(make.scan(jpeg(1654, 2339), 1654, 2339, dpi=200))).pages
    assert (page.has_text, page.lowest_image_dpi) == (False, 200)
    (page,) = facts(inspected(make.scan(jpeg(827, 1170), 827, 1170, dpi=100, rotate=90))).pages
    assert page.lowest_image_dpi == 100


def test_fonts_are_named_without_the_mark_of_a_subset(inspected: Inspect) -> None:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+Times#20New >>"
    assert facts(inspected(make.one_page(catalogue=b"/X 4 0 R", more=[font]))).fonts == ("Times#20New",)
    assert facts(inspected(written())).fonts == ("Helvetica",)


@pytest.mark.parametrize("form", ["attribute", "element"])
def test_the_pdfa_claim_is_read_from_the_metadata(inspected: Inspect, form: str) -> None:
    claims = {
        "attribute": b'<rdf:Description pdfaid:part="2" pdfaid:conformance="B"/>',
        "element": b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>",
    }

    head = b"<< /Type /Metadata /Subtype /XML /Length %d >>" % len(claims[form])
    metadata = head + b"\nstream\n" + claims[form] + b"\nendstream"
    content = make.one_page(catalogue=b"/Metadata 4 0 R", more=[metadata])
    assert facts(inspected(content)).pdfa_claim == "2b"
    assert facts(inspected(make.sound())).pdfa_claim is None


def test_the_later_of_two_versions_counts(inspected: Inspect) -> None:
    assert facts(inspected(make.one_page())).pdf_version == "1.4"
    assert facts(inspected(make.one_page(catalogue=b"/Version /1.6"))).pdf_version == "1.6"


def test_deeply_nested_objects_are_survived(inspected: Inspect) -> None:
    def nest(pdf: pikepdf.Pdf) -> None:
        pdf.Root.Deep = make.nested_array(400)

    assert facts(inspected(make.with_pages(1, nest))).page_count == 1


def test_signatures_are_named_with_their_kind_and_what_they_cover(
    reader: SandboxedPdfReader, shared_data: Path
) -> None:
    signed = shared_data / "pdf" / "signed"
    seen = facts(reader.inspect(signed / "minimal-signed-twice-no-sig-type.pdf"))
    assert seen.signatures == (
        SignatureFact("Sig1", "ETSI.CAdES.detached", covers_whole_file=False),
        SignatureFact("Sig2", "ETSI.CAdES.detached", covers_whole_file=True),
    )
    (partial,) = facts(reader.inspect(signed / "tail-uncovered.pdf")).signatures
    assert not partial.covers_whole_file


def test_every_file_of_the_corpora_ends_in_a_typed_answer(reader: SandboxedPdfReader, shared_data: Path) -> None:
    files = sorted(path for path in (shared_data / "pdf").rglob("*") if path.is_file())
    with ThreadPoolExecutor(4) as threads:
        answers = dict(zip(files, threads.map(reader.inspect, files), strict=True))
    assert len(answers) == 320
    never = {FindingCode.CHECK_FAILED, FindingCode.CHECK_TOOK_TOO_LONG, FindingCode.INFLATES_TOO_FAR}
    assert not [path for path, a in answers.items() if isinstance(a, NotInspected) and a.finding in never]


def test_ordinary_files_go_through(reader: SandboxedPdfReader, shared_data: Path) -> None:
    ordinary = sorted((shared_data / "pdf" / "ordinary").glob("*.pdf"))
    remarkable: dict[str, FindingCode] = {}
    for path in ordinary:
        seen = reader.inspect(path)
        if isinstance(seen, NotInspected):
            remarkable[path.name] = seen.finding
            continue
        assert (seen.unreadable_parts, seen.repairs) == (0, 0), path.name
        for code in seen.active_content:
            if DEFAULT_OUTCOMES[code] is not Outcome.ACCEPT:
                remarkable[path.name] = code
    assert remarkable == REMARKABLE
