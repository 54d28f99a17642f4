"""The made-up results: what a page says is what the metadata says, and each form is what it claims to be."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from archive_service.api.reading import load
from archive_service.api.requests import MetadataSchema
from archive_service.cli.manifest import COLUMNS, metadata_of, open_manifest
from archive_service.model.fold import fold
from archive_service.model.record import RecordMetadata
from examples.kinds import load_kinds
from examples.people import GIVEN_MEN, GIVEN_WOMEN, make_person
from examples.results import ALL_FORMS, ExampleResult, Form, make_results, write_results
from examples.wording import in_words, long_date, short_date

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Text may be broken anywhere between words; the layer carries what was drawn.
BORN_DIGITAL = list(make_results(11, 27, (Form.BORN_DIGITAL,)))


def words_of(pdf: bytes) -> str:
    """Return the text layer as one line of words."""
    document = pdfium.PdfDocument(pdf)
    try:
        pages = [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
    return " ".join(" ".join(pages).split())


@pytest.mark.parametrize("result", BORN_DIGITAL, ids=lambda result: str(result.name))
def test_a_page_says_what_its_metadata_says(result: ExampleResult) -> None:
    words, said = words_of(result.pdf), result.metadata
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM Độc lập - Tự do - Hạnh phúc" in words
    assert f"Số: {said['document_number']}/{said['document_notation']}" in words
    assert long_date(dt.date.fromisoformat(said["issued_on"])) in words
    assert said["summary"] in words
    assert said["subject"]["name"] in words
    assert said["signer"] in words
    assert said["issuing_body"].upper() in words
    assert said["dossier_code"] in words
    assert all(one["number"] in words for one in said["subject"]["identifiers"])
    if "birth_date" in said["subject"]:
        assert short_date(dt.date.fromisoformat(said["subject"]["birth_date"])) in words
    assert "không có giá trị pháp lý" in words
    assert "{" not in words
    assert words == unicodedata.normalize("NFC", words)


def test_metadata_is_what_the_api_takes() -> None:
    for result in BORN_DIGITAL:
        assert isinstance(load(MetadataSchema(), result.metadata), RecordMetadata)


def test_offices_kinds_and_procedures_are_those_of_the_reference() -> None:
    def codes(name: str) -> set[str]:
        with (EXAMPLES / "reference" / name).open(encoding="utf-8", newline="") as file:
            return {row["code"] for row in csv.DictReader(file)}

    procedures = (EXAMPLES / "reference" / "procedures.toml").read_text(encoding="utf-8")
    for result in BORN_DIGITAL:
        assert result.metadata["office"] in codes("offices.csv")
        assert result.metadata["result_type"] in codes("result_types.csv")
        assert f'"{result.metadata["procedure"]}"' in procedures


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    forms = (Form.BORN_DIGITAL, Form.SCANNED)
    first, again, other = (list(make_results(seed, 4, forms)) for seed in (3, 3, 4))
    assert first == again
    assert [one.pdf for one in first[:2]] == [one.pdf for one in make_results(3, 2, forms)]
    assert not {one.pdf for one in first} & {one.pdf for one in other}


def test_every_kind_is_shown_once_in_each_round() -> None:
    kinds = {kind.result_type for kind in load_kinds()}
    assert len(kinds) == 9
    for start in (0, 9, 18):
        assert {result.metadata["result_type"] for result in BORN_DIGITAL[start : start + 9]} == kinds


def test_a_scan_is_an_image_of_200_dpi_without_text() -> None:
    (result,) = make_results(5, 1, (Form.SCANNED,))
    assert words_of(result.pdf) == ""
    assert result.metadata["trust"] == "digitised"
    assert result.metadata["paper_location"]
    document = pdfium.PdfDocument(result.pdf)
    page = document[0]
    (image,) = page.get_objects()
    width, height = image.get_px_size()
    assert width / page.get_width() * 72 == pytest.approx(200, abs=1)
    assert height / page.get_height() * 72 == pytest.approx(200, abs=1)
    document.close()


def test_a_signed_result_verifies_and_a_changed_byte_breaks_it() -> None:
    (result,) = make_results(5, 1, (Form.SIGNED,))

    def status(pdf: bytes) -> Any:
        (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
        assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        context = ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False)
        return validate_pdf_signature(signature, context)

    whole = status(result.pdf)
    assert whole.intact
    assert whole.valid
    at = result.pdf.index(b"/Producer")
    assert not status(result.pdf[:at] + b"/Producex" + result.pdf[at + 9 :]).intact
    assert words_of(result.pdf)


def test_names_differ_in_tones_only_and_numbers_are_nobody_elses() -> None:
    for family in (*GIVEN_MEN, *GIVEN_WOMEN):
        assert len(set(family)) > 1
        assert len({fold(name) for name in family}) == 1
    people = [make_person(1, number) for number in range(2000)]
    for first, second in zip(people[::2], people[1::2], strict=True):
        assert first.name != second.name
        assert fold(first.name) == fold(second.name)
    assert len({person.social_insurance for person in people}) == len(people)
    assert len({person.citizen for person in people}) == len(people)


def test_some_persons_have_a_history() -> None:
    names = [result.metadata["subject"]["identifiers"][0]["number"] for result in BORN_DIGITAL]
    assert len(set(names)) < len(names)


def test_files_and_manifest_are_written_as_deposit_folder_reads_them(tmp_path: Path) -> None:
    results = list(make_results(2, 4, ALL_FORMS))
    assert write_results(tmp_path, results) == 4
    rows = list(open_manifest(tmp_path / "manifest.csv").rows())
    assert [metadata_of(row) for row in rows] == [result.metadata for result in results]
    for row, result in zip(rows, results, strict=True):
        assert (tmp_path / row.file).read_bytes() == result.pdf
        assert json.loads((tmp_path / f"{result.name}.json").read_text(encoding="utf-8")) == result.metadata


def test_the_example_manifest_is_right_and_shows_every_kind_of_column() -> None:
    manifest = open_manifest(EXAMPLES / "manifest.csv")
    rows = list(manifest.rows())
    assert len(rows) >= 3
    assert all(metadata_of(row) for row in rows)
    shown = {name for row in rows for name, cell in row.cells.items() if cell}
    assert shown == set(COLUMNS) - {"corrects", "annuls"}


def test_a_born_digital_result_takes_no_time() -> None:
    began = time.process_time()
    list(make_results(9, 40, (Form.BORN_DIGITAL,)))
    assert (time.process_time() - began) / 40 < 0.05  # measured: 0.006 s; machines of a check are slower


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (1_000, "một nghìn"),
        (15_000, "mười lăm nghìn"),
        (105_000_000, "một trăm linh năm triệu"),
        (2_000_004, "hai triệu không trăm linh bốn"),
        (24_031_000, "hai mươi tư triệu không trăm ba mươi mốt nghìn"),
    ],
)
def test_amounts_are_spoken_as_in_documents(amount: int, words: str) -> None:
    assert in_words(amount) == words
